"""
The bytecode of packages in build environments, kept for the environments of later runs.

An environment is new in every run, and its first imports would compile the backend again each time. A compiled module
depends on its source and on the interpreter, so it is kept by the digest of the source. The wheel's RECORD gives the
digests, so that only known modules are read; they are then hashed, because some wheels were edited after their RECORD
was written.
"""

import hashlib
import importlib.util
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from publisher.files.cache import FileCache, open_cache

_LIMIT = 5_000
"""Modules that are kept for one version of Python."""

_UNCHECKED = (0b01).to_bytes(4, "little")
"""The flags of a pyc file that is valid without a look at its source, whose digest chose it (PEP 552)."""

_HEADER = 16
"""Bytes before the code: magic number, flags, and eight bytes that here hold a digest of the code."""


def restore_bytecode(packages: Path) -> None:
    """Put the bytecode that is known of the modules in an environment's site-packages beside them."""
    cache = _open()
    known = cache.names()
    for source, key in _modules(packages):
        content = cache.read(key) if key in known and _digest(source) == key else None
        if content and content[:_HEADER] == _header(content[_HEADER:]):  # else torn, or of another build of Python
            with suppress(OSError):
                compiled = _compiled(source)
                compiled.parent.mkdir(exist_ok=True)
                compiled.write_bytes(content)


def keep_bytecode(packages: Path) -> None:
    """Keep the bytecode that imports left in an environment's site-packages."""
    cache = _open()
    known = cache.names()
    for source, key in _modules(packages):
        if key not in known:
            with suppress(OSError):  # most modules were not imported
                code = _compiled(source).read_bytes()[_HEADER:]
                if _digest(source) == key:
                    cache.write(key, _header(code) + code)
    cache.trim()


def _open() -> FileCache:
    return open_cache(f"bytecode/{sys.implementation.cache_tag}.{sys.flags.optimize}", _LIMIT)


def _header(code: bytes) -> bytes:
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + hashlib.blake2b(code, digest_size=8).digest()


def _modules(packages: Path) -> Iterator[tuple[Path, str]]:
    """Yield each installed module, and the SHA-256 digest in its RECORD, in hexadecimal."""
    for record in packages.glob("*.dist-info/RECORD"):
        with suppress(OSError, ValueError):  # it is another program's, and this only saves time
            for line in record.read_text("utf-8").splitlines():
                name, _, rest = line.partition(",")
                algorithm, _, digest = rest.partition(",")[0].partition("=")
                if name.endswith(".py") and algorithm == "sha256" and not name.startswith(("..", '"', "/")):
                    yield packages / name, urlsafe_b64decode(digest + "==").hex()


def _compiled(source: Path) -> Path:
    """Return the path of a module's bytecode."""
    return Path(importlib.util.cache_from_source(str(source)))


def _digest(source: Path) -> str | None:
    try:
        return hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError:
        return None
