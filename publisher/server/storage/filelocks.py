"""Locks among the processes of a machine: they end with their process, and leave no file behind."""

import asyncio
import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from publisher.files.atomic import sync_directory
from publisher.server.storage.errors import StorageUnavailableError

_PAUSE = 0.01
_LONGEST_PAUSE = 0.1


class FileLocks:
    """Locks by name, each an empty file in a folder below ``root`` while it is held."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._local: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def hold(self, name: str, patience: float) -> AsyncIterator[None]:
        """Hold a lock; raise StorageUnavailableError when it is not free in time, OSError when it can't be made."""
        local = self._local.setdefault(name, asyncio.Lock())
        try:
            async with asyncio.timeout(patience):
                await local.acquire()
        except TimeoutError:
            raise StorageUnavailableError from None
        try:
            path, pause, deadline = self._path(name), _PAUSE, time.monotonic() + patience
            while (descriptor := self._try(path)) is None:
                if time.monotonic() > deadline:
                    raise StorageUnavailableError
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                yield
            finally:
                _free(path, descriptor)
        finally:
            local.release()
            if len(self._local) > 1000:
                self._local = {name: lock for name, lock in self._local.items() if lock.locked()}

    @contextmanager
    def hold_in_thread(self, name: str) -> Iterator[None]:
        """Hold a lock for the moment that a file is changed; waits as long as it takes."""
        path = self._path(name)
        while (descriptor := self._try(path)) is None:
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            _free(path, descriptor)

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock"

    def _try(self, path: Path) -> int | None:
        """Return the descriptor of a lock that was free, None for one that is held."""
        import fcntl  # noqa: PLC0415 - there is none on Windows, where the index does not run

        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            make_folder(self._folder, self._root)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == path.stat().st_ino:  # else its holder has just removed the file
                return descriptor
        os.close(descriptor)
        return None


def make_folder(path: Path, root: Path) -> None:
    """
    Make a folder and those above it durably, up to a root that must be there.

    Raises FileNotFoundError without the root: a folder in its place would hide that its disk is lost.
    """
    if not path.is_dir():
        if path == root:
            raise FileNotFoundError(errno.ENOENT, "the folder is gone", str(root))
        make_folder(path.parent, root)
        with suppress(FileExistsError):
            path.mkdir()
        sync_directory(path.parent)


def _free(path: Path, descriptor: int) -> None:
    path.unlink(missing_ok=True)
    os.close(descriptor)
