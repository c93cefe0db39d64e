"""
The bytecode of packages in build environments, kept for the environments of later runs.

An environment is new in every run, and its first imports would compile the backend again each time. A compiled module
depends on its source and on the interpreter, so it is kept by the digest of the source.
"""

import sys
from contextlib import suppress
from pathlib import Path

from publisher.building.isolated.restoring import HEADER, compiled, digest, header, modules, restore
from publisher.files.cache import cache_folder, open_cache

_LIMIT = 5_000
"""Modules that are kept for one version of Python."""


def restore_bytecode(packages: Path) -> None:
    """Put the bytecode that is known of the modules in an environment's site-packages beside them."""
    restore(packages, kept_bytecode())


def keep_bytecode(packages: Path) -> None:
    """Keep the bytecode that imports left in an environment's site-packages."""
    cache = open_cache(_kind(), _LIMIT)
    known = cache.names()
    for source, key in modules(packages):
        if key not in known:
            with suppress(OSError):  # most modules were not imported
                code = Path(compiled(source)).read_bytes()[HEADER:]
                if digest(source) == key:
                    cache.write(key, header(code) + code)
    cache.trim()


def kept_bytecode() -> Path:
    """Return the folder of the bytecode that is kept, which may not exist yet."""
    return cache_folder(_kind())


def _kind() -> str:
    return f"bytecode/{sys.implementation.cache_tag}.{sys.flags.optimize}"
