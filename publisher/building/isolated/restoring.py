"""
Restoring the bytecode of an environment's modules from a folder, where it is kept by the digests of their sources.

The wheel's RECORD gives the digests, so that only known modules are read; they are then hashed, because some wheels
were edited after their RECORD was written.
"""

import hashlib
import importlib.util
import os
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_UNCHECKED = (0b01).to_bytes(4, "little")
"""The flags of a pyc file that is valid without a look at its source, whose digest chose it (PEP 552)."""

HEADER = 16
"""Bytes before the code: magic number, flags, and eight bytes that here hold a digest of the code."""


def restore(packages: Path, kept: Path) -> None:
    """Put the bytecode in the folder ``kept`` beside the modules in an environment's site-packages that it is of."""
    try:
        known = frozenset(os.listdir(kept))  # noqa: PTH208 - names are all that is needed
    except OSError:
        return
    for source, key in modules(packages):
        content = _read(kept / key) if key in known and digest(source) == key else None
        if content and content[:HEADER] == header(content[HEADER:]):  # else torn, or of another build of Python
            with suppress(OSError):
                target = compiled(source)
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(content)


def modules(packages: Path) -> Iterator[tuple[Path, str]]:
    """Yield each installed module, and the SHA-256 digest in its RECORD, in hexadecimal."""
    for record in packages.glob("*.dist-info/RECORD"):
        with suppress(OSError, ValueError):  # it is another program's, and this only saves time
            for line in record.read_text("utf-8").splitlines():
                name, _, rest = line.partition(",")
                algorithm, _, value = rest.partition(",")[0].partition("=")
                if name.endswith(".py") and algorithm == "sha256" and not name.startswith(("..", '"', "/")):
                    yield packages / name, urlsafe_b64decode(value + "==").hex()


def header(code: bytes) -> bytes:
    """Return the first bytes of a pyc file with this code."""
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + hashlib.blake2b(code, digest_size=8).digest()


def compiled(source: Path) -> Path:
    """Return the path of a module's bytecode."""
    return Path(importlib.util.cache_from_source(str(source)))


def digest(source: Path) -> str | None:
    """Return the SHA-256 digest of a module, in hexadecimal; None when it can't be read."""
    try:
        return hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError:
        return None


def _read(path: Path) -> bytes | None:
    """Return the contents of a file and mark it as used; None when it is gone."""
    try:
        content = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    return content
