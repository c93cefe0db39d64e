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
        path = f"{kept}{os.sep}{key}"
        content = _read(path) if key in known and digest(source) == key else None
        if content and content[:HEADER] == header(content[HEADER:]):  # else torn, or of another build of Python
            with suppress(OSError):
                _place(path, compiled(source), content)


def _place(path: str, target: str, content: bytes) -> None:
    """Link the target to a file, or write its contents if that fails: creating a file takes ten times as long."""
    try:
        _link(path, target)
    except FileExistsError:  # the package has its own, which may be a second name of a file in uv's cache
        pass
    except OSError:  # another disk, or a file system without links
        with open(target, "wb") as file:  # noqa: PTH123
            file.write(content)


def _link(path: str, target: str) -> None:
    try:
        os.link(path, target)
    except FileNotFoundError:
        os.mkdir(os.path.dirname(target))  # noqa: PTH102, PTH120
        os.link(path, target)


def modules(packages: Path) -> Iterator[tuple[str, str]]:
    """Yield the path of each installed module, and the SHA-256 digest in its RECORD, in hexadecimal."""
    for record in packages.glob("*.dist-info/RECORD"):
        with suppress(OSError, ValueError):  # it is another program's, and this only saves time
            for line in record.read_text("utf-8").splitlines():
                name, _, rest = line.partition(",")
                algorithm, _, value = rest.partition(",")[0].partition("=")
                if name.endswith(".py") and algorithm == "sha256" and not name.startswith(("..", '"', "/")):
                    yield f"{packages}{os.sep}{name}", urlsafe_b64decode(value + "==").hex()


def header(code: bytes) -> bytes:
    """Return the first bytes of a pyc file with this code."""
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + hashlib.blake2b(code, digest_size=8).digest()


def compiled(source: str) -> str:
    """Return the path of a module's bytecode."""
    return importlib.util.cache_from_source(source)


def digest(source: str) -> str | None:
    """Return the SHA-256 digest of a module, in hexadecimal; None when it can't be read."""
    try:
        return hashlib.sha256(_contents(source)).hexdigest()
    except OSError:
        return None


def _read(path: str) -> bytes | None:
    """Return the contents of a file and mark it as used; None when it is gone."""
    try:
        content = _contents(path)
        os.utime(path)
    except OSError:
        return None
    return content


def _contents(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib takes twice as long, for all modules
        return file.readall()
