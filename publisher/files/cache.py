"""Small files that only save time: a folder in the person's cache, which may be deleted at any time."""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from publisher.files.atomic import replace_file


class FileCache:
    """
    Files by name; the least recently used are removed when there are too many.

    Failures to read or write are ignored. A file that a full disk or a crash has truncated may be returned; readers
    must check.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit

    def names(self) -> Collection[str]:
        """Return the names of all files."""
        try:
            return frozenset(os.listdir(self._folder))  # noqa: PTH208 - names are all that is needed
        except OSError:
            return frozenset()

    def read(self, name: str) -> bytes | None:
        """Return a file's contents; None when it is absent."""
        path = self._folder / name
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        with suppress(OSError):
            replace_file(self._folder / name, content, mode=0o600)

    def trim(self) -> None:
        """Remove the older half when there are more files than the limit."""
        with suppress(OSError):
            paths = list(self._folder.iterdir())
            if len(paths) > self._limit:
                for path in sorted(paths, key=lambda path: path.stat().st_mtime)[: -self._limit // 2]:
                    path.unlink(missing_ok=True)


def open_cache(kind: str, limit: int) -> FileCache:
    """Return the person's cache of some kind of files."""
    return FileCache(cache_folder(kind), limit)


def cache_folder(kind: str) -> Path:
    """Return the folder of some kind of files in the person's cache, which may not exist yet."""
    from platformdirs import user_cache_path  # noqa: PLC0415, TID251 - not needed where nothing is built

    return user_cache_path("pypi-publish", appauthor=False) / kind
