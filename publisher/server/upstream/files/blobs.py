"""Files and metadata on the disk, by digest: complete and verified ones only."""

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from publisher.server.upstream.disk import move, put_file, temporary_in

KEEP_FREE = 0.05
"""The share of the disk that is left free."""

MARK_EVERY = 86400.0
"""Seconds between two notes that a file is in use."""

REPORT_EVERY = 3600.0
"""Seconds between two lines in the log about a full cache."""

LEFTOVER_AGE = 86400.0
"""Seconds after which an unfinished download of a process that ended is removed."""


_log = logging.getLogger(__name__)


class Blob(NamedTuple):
    """A stored file: its key, size in bytes, and when it was last used, in seconds since 1970."""

    key: str
    path: Path
    size: int
    used: float


class BlobStore:
    """The folder ``files`` of a cache; a file is there when it is complete, and its key is its digest."""

    def __init__(self, cache: Path, size_limit: int) -> None:
        self._cache = cache
        self.folder = cache / "files"
        self._temporary = cache / "tmp"
        self._pins = cache / "pins"
        self._limit = size_limit
        for folder in (self.folder, self._temporary, self._pins):
            folder.mkdir(parents=True, exist_ok=True)
        self.size = 0
        self._added = 0
        """Bytes that this process stored since it counted all files."""
        self._next_report = 0.0
        self._marked: dict[str, float] = {}

    def path(self, key: str) -> Path:
        """Return where the file of a key is, or would be."""
        return self.folder / key[:2] / key

    def has(self, key: str) -> bool:
        """Return whether a file is stored."""
        return self.path(key).is_file()

    def mark(self, key: str) -> None:
        """Note that a file is used, at most once a day."""
        now = time.time()
        if now - self._marked.get(key, 0.0) > MARK_EVERY:
            if len(self._marked) > 100_000:
                self._marked.clear()
            self._marked[key] = now
            with suppress(OSError):
                path = self.path(key)
                os.utime(path, (now, path.stat().st_mtime))

    def temporary(self) -> Path:
        """Return a path for a download."""
        return temporary_in(self._cache)

    def store(self, key: str, body: bytes) -> bool:
        """Store a verified file, durably, if there is room for it; raises OSError."""
        if not self.has_room_for(len(body)):
            return False
        put_file(self._cache, self.path(key), body, durable=True)
        self._count(len(body))
        return True

    def place(self, temporary: Path, key: str) -> None:
        """Give a complete, verified file its place, durably; raises OSError."""
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        move(temporary, self.path(key))
        self._count(size)

    def remove(self, key: str) -> bool:
        """Remove a file; return whether there was one. Downloads of it that run go on."""
        try:
            size = self.path(key).stat().st_size
            self.path(key).unlink()
        except FileNotFoundError:
            return False
        self.size -= size
        return True

    def has_room_for(self, size: int) -> bool:
        """
        Make room for a file by removing the least recently used; return whether there is enough then.

        Other processes may fill the same cache, so the files are counted again once this one added a part of its size.
        """
        if self._added > self._limit // 20:
            self.scan()
        missing = self._missing(size)
        return missing <= 0 or (size <= self._limit and self._evict(missing))

    def scan(self) -> list[Blob]:
        """Return all stored files, and correct the total size by them."""
        found = list(self._blobs())
        self.size, self._added = sum(blob.size for blob in found), 0
        return found

    def clean_up(self) -> None:
        """Remove the unfinished downloads of processes that ended."""
        for path in self._temporary.iterdir():
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > LEFTOVER_AGE:
                    path.unlink()

    def pin(self, set_name: str, keys: set[str]) -> None:
        """Protect files from eviction, as a part of a named set."""
        with (self._pins / hashlib.sha256(set_name.encode()).hexdigest()[:16]).open("a+", encoding="utf-8") as file:
            file.seek(0)
            file.write("".join(f"{key}\n" for key in sorted(keys - set(file.read().split()))))

    def pinned(self) -> set[str]:
        """Return the keys that must not be evicted."""
        return {key for path in self._pins.iterdir() for key in path.read_text("utf-8").split()}

    def unpin(self, keys: set[str]) -> None:
        """Remove keys from every pinned set."""
        for path in self._pins.iterdir():
            kept = [key for key in path.read_text("utf-8").split() if key not in keys]
            put_file(self._cache, path, "".join(f"{key}\n" for key in kept).encode())

    def _missing(self, size: int) -> int:
        """Return how many bytes must go before a file of ``size`` fits."""
        usage = shutil.disk_usage(self.folder)
        return max(self.size + size - self._limit, size + int(usage.total * KEEP_FREE) - usage.free)

    def _count(self, size: int) -> None:
        self.size += size
        self._added += size

    def _evict(self, missing: int) -> bool:
        """Remove files, but none where all of them would not be enough: others have filled the disk then."""
        pinned = self.pinned()
        evictable = [blob for blob in self.scan() if blob.key not in pinned]
        if sum(blob.size for blob in evictable) < missing:
            self._report_full()
            return False
        spare = self._limit // 20  # so that not every file that comes in has the folder read
        freed = 0
        for blob in sorted(evictable, key=lambda blob: blob.used):
            if freed >= missing + spare:
                break
            if self.remove(blob.key):
                freed += blob.size
        return freed >= missing

    def _report_full(self) -> None:
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + REPORT_EVERY
            _log.warning(
                "no room in the cache of public packages %s: files are passed on without being stored; free its disk, "
                "or raise --cache-size",
                self._cache,
            )

    def _blobs(self) -> Iterator[Blob]:
        for path in self.folder.glob("??/*"):
            with suppress(OSError):
                status = path.stat()
                yield Blob(path.name, path, status.st_size, max(status.st_atime, status.st_mtime))
