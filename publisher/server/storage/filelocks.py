"""File locks, released when their process ends, and claims, which expire."""

import asyncio
import errno
import hashlib
import json
import os
import struct
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from publisher.files.atomic import sync_directory
from publisher.server.storage.base import LEASE_PATIENCE, Files
from publisher.server.storage.errors import AbsentError, StorageError, StorageUnavailableError
from publisher.server.storage.json_text import parse_json
from publisher.server.storage.turns import LocalTurns

_PAUSE = 0.01
_LONGEST_PAUSE = 0.1

_CLEANED_EVERY = 3600.0
"""Seconds between two removals of expired claims by one process."""

_RANGE = "@hhqqi4x"
"""The fields of ``struct flock`` on Linux with 64 bits: type, whence, start, length, process."""

_NO_RANGES = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""Errors of kernels and file systems without locks of open files."""


@dataclass
class FileLease:
    """A lease that ends with its process: it can't be taken over from a living one."""

    number: int

    async def check(self) -> None:
        """Do nothing: it is held."""

    def keep_until(self, settled: asyncio.Task[None]) -> None:
        """Do nothing: a change of a folder is durable or fails."""


class FileLocks:
    """
    Locks by name in a folder below ``root``.

    On Linux each is one byte of one file, which takes no change of a folder: a lock of the open file (`fcntl(2)`,
    ``F_OFD_SETLK``), so that threads of one process exclude each other too. Elsewhere each is an empty file of its own,
    for as long as it is held.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._ranges = sys.platform == "linux" and sys.maxsize > 2**32
        self._ranges_path = str(folder / "ranges")
        self._turns = LocalTurns()

    @asynccontextmanager
    async def hold(self, name: str, patience: float) -> AsyncIterator[None]:
        """Hold a lock; raise StorageUnavailableError when it is not free in time, OSError when it can't be made."""
        turn = await self._turns.take(name, patience)
        try:
            pause, deadline = _PAUSE, time.monotonic() + patience
            while (held := self._try(name)) is None:
                if time.monotonic() > deadline:
                    raise StorageUnavailableError
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                yield
            finally:
                held.free()
        finally:
            turn.release()

    @contextmanager
    def hold_in_thread(self, name: str) -> Iterator[None]:
        """Hold a lock for the moment that a file is changed; waits as long as it takes."""
        while (held := self._try(name, wait=True)) is None:
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            held.free()

    def _try(self, name: str, *, wait: bool = False) -> "_Held | None":
        """Return a lock that was free, None for one that is held; ``wait`` for it where that needs no asking again."""
        digest = hashlib.sha256(name.encode()).digest()
        if self._ranges:
            try:
                return self._try_range(int.from_bytes(digest[:7], "big"), wait=wait)
            except OSError as error:
                if error.errno not in _NO_RANGES:
                    raise
                self._ranges = False
        return self._try_file(self._folder / f"{digest.hex()[:32]}.lock")

    def _try_range(self, start: int, *, wait: bool) -> "_Held | None":
        import fcntl  # noqa: PLC0415 - there is none on Windows, where the index does not run

        path = self._ranges_path
        descriptor = self._open(path)
        command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
        try:
            fcntl.fcntl(descriptor, command, struct.pack(_RANGE, fcntl.F_WRLCK, os.SEEK_SET, start, 1, 0))
            if _is_at(descriptor, path):
                return _Held(descriptor)
        except (BlockingIOError, PermissionError):
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _try_file(self, path: Path) -> "_Held | None":
        import fcntl  # noqa: PLC0415 - there is none on Windows, where the index does not run

        descriptor = self._open(path)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                return _Held(descriptor, path)
        os.close(descriptor)
        return None

    def _open(self, path: Path | str) -> int:
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR)
        make_folder(self._folder, self._root)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        give_to_owner(path)
        return descriptor


class _Held(NamedTuple):
    """A lock that is held: the descriptor that has it, and the file that is there for it alone."""

    descriptor: int
    path: Path | None = None

    def free(self) -> None:
        """Give it back."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class FileClaims:
    """Names that were claimed, each with a file of its value and its end (seconds since 1970) below a prefix."""

    def __init__(self, locks: FileLocks, files: Callable[[], Files], prefix: str) -> None:
        self._locks = locks
        self._files = files
        self._prefix = prefix
        self._cleaned = float("-inf")

    async def claim(self, name: str, value: str, seconds: float) -> str:
        """Claim a name for so many seconds; return the value of the first claim."""
        files, marker = self._files(), hashlib.sha256(name.encode()).hexdigest()
        async with self._locks.hold(f"once {marker}", LEASE_PATIENCE):
            with suppress(AbsentError):
                held = parse_json(files.read(f"{self._prefix}/{marker}"))
                if held["until"] > time.time():
                    return str(held["value"])
                files.remove(f"{self._prefix}/{marker}")
            record = {"value": value, "until": time.time() + seconds}
            files.create(f"{self._prefix}/{marker}", json.dumps(record).encode())
        if time.monotonic() - self._cleaned > _CLEANED_EVERY:
            self._cleaned = time.monotonic()
            await asyncio.to_thread(self._remove_expired)
        return value

    def _remove_expired(self) -> None:
        """Remove the files of names that may be claimed again."""
        files = self._files()
        for marker in files.list(self._prefix):
            key = f"{self._prefix}/{marker}"
            if _is_expired(files, key):
                with self._locks.hold_in_thread(f"once {marker}"):  # it may be claimed at this moment
                    if _is_expired(files, key):
                        files.remove(key)


def _is_expired(files: Files, key: str) -> bool:
    try:
        return float(parse_json(files.read(key))["until"]) <= time.time()
    except (StorageError, ValueError, KeyError, TypeError):
        return False


def make_folder(path: Path, root: Path) -> None:
    """
    Make a folder and those above it durably, up to a root that must be there.

    Raises FileNotFoundError without the root: a folder in its place would hide that its disk is lost.
    """
    for parent in missing_folders(path, root):
        sync_directory(parent)


def missing_folders(path: Path, root: Path) -> list[Path]:
    """Make a folder as `make_folder` does, and return the folders to sync for it."""
    if path.is_dir():
        return []
    if path == root:
        raise FileNotFoundError(errno.ENOENT, "the folder is gone", str(root))
    made = missing_folders(path.parent, root)
    with suppress(FileExistsError):
        path.mkdir()
        give_to_owner(path)
    return [*made, path.parent]


def give_to_owner(path: Path | str) -> None:
    """Give files that root has made to the owner of the folder: commands run as root, and the index as another user."""
    if os.geteuid() == 0:
        with suppress(OSError):
            folder = os.stat(os.path.dirname(path))  # noqa: PTH116, PTH120 - the hot path
            if folder.st_uid:
                os.chown(path, folder.st_uid, folder.st_gid)


def _is_at(descriptor: int, path: Path | str) -> bool:
    """Return whether a path still leads to an open file, which another process may have removed meanwhile."""
    try:
        return os.fstat(descriptor).st_ino == os.stat(path).st_ino  # noqa: PTH116 - the hot path
    except FileNotFoundError:
        return False
