"""
The bytecode of what is installed in build environments, kept for the environments of later runs.

An environment is new in every run, and its first imports would compile the backend again each time. A compiled module
depends on its source and on the interpreter, so it is kept by the digest that the wheel's RECORD has of the source.
"""

import hashlib
import importlib.util
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from publisher.cache import FileCache, open_cache

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
    for compiled, key in _modules(packages):
        content = cache.read(key) if key in known else None
        if content and content[:_HEADER] == _header(content[_HEADER:]):  # else torn, or of another build of Python
            with suppress(OSError):
                compiled.parent.mkdir(exist_ok=True)
                compiled.write_bytes(content)


def keep_bytecode(packages: Path) -> None:
    """Keep the bytecode that imports left in an environment's site-packages."""
    cache = _open()
    known = cache.names()
    for compiled, key in _modules(packages):
        if key not in known:
            with suppress(OSError):  # most modules were not imported
                code = compiled.read_bytes()[_HEADER:]
                cache.write(key, _header(code) + code)
    cache.trim()


def _open() -> FileCache:
    return open_cache(f"bytecode/{sys.implementation.cache_tag}.{sys.flags.optimize}", _LIMIT)


def _header(code: bytes) -> bytes:
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + hashlib.blake2b(code, digest_size=8).digest()


def _modules(packages: Path) -> Iterator[tuple[Path, str]]:
    """Yield where the bytecode of each installed module belongs, and the SHA-256 digest of its source."""
    for record in packages.glob("*.dist-info/RECORD"):
        for line in record.read_text("utf-8").splitlines():
            name, _, rest = line.partition(",")
            digest = rest.partition(",")[0].removeprefix("sha256=")
            if name.endswith(".py") and digest and not name.startswith(("..", '"', "/")):
                key = urlsafe_b64decode(digest + "==").hex()
                yield Path(importlib.util.cache_from_source(str(packages / name))), key
