"""Copies of a volume's large files on this machine's disk, for clients that read slowly."""

import asyncio
import io
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageUnavailableError

PIECE = 2**23
"""Bytes that are copied while a reload waits."""

COPIED_BYTES = 4 * 2**30
"""Bytes that copies may have together, besides those that are being sent."""

Stamp = tuple[int, int, int]
"""The inode, size and modification time of a file; another one is another file."""

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class LocalCopies:
    """One copy of each file, made once for simultaneous requests; the least recently used are removed first."""

    def __init__(self, storage: Storage, in_thread: InThread, limit: int = COPIED_BYTES) -> None:
        self._storage = storage
        self._in_thread = in_thread
        self._limit = limit
        self._copies: OrderedDict[tuple[str, Stamp], asyncio.Task[int]] = OrderedDict()

    async def open(self, path: str, stamp: Stamp) -> io.FileIO:
        """
        Return a copy of a file as it was with a stamp; read it at offsets, since others use it too, and close it.

        Raises StorageUnavailableError when the file is another one by now, or can't be read.
        """
        key = path, stamp
        copy = self._copies.get(key)
        if copy is None:
            copy = self._copies[key] = asyncio.create_task(self._copy(path, stamp))
            copy.add_done_callback(partial(self._forget_failure, key))
        self._copies.move_to_end(key)
        mine = io.FileIO(os.dup(await asyncio.shield(copy)))
        self._shrink()
        return mine

    async def read(self, path: str, stamp: Stamp, first: int, size: int) -> bytes:
        """Return a part of a file as it was with a stamp, without copying the rest; raises like `open`."""
        async with self._storage.reading():
            try:
                data: bytes = await self._in_thread(partial(_read_piece, path, stamp, first, size))
            except OSError as error:
                raise StorageUnavailableError from error
        return data

    async def _copy(self, path: str, stamp: Stamp) -> int:
        """Copy a file in pieces, so that a reload never waits for more than one; return the copy's descriptor."""
        descriptor = await self._in_thread(_new_copy)
        try:
            for first in range(0, stamp[1], PIECE):
                piece = await self.read(path, stamp, first, PIECE)
                await self._in_thread(partial(os.pwrite, descriptor, piece, first))
        except BaseException:
            os.close(descriptor)
            raise
        return int(descriptor)

    def _forget_failure(self, key: tuple[str, Stamp], task: "asyncio.Task[int]") -> None:
        if task.cancelled() or task.exception() is not None:
            self._copies.pop(key, None)

    def _shrink(self) -> None:
        """Close the longest unused copies; those that are being sent are open in their own right."""
        total = sum(stamp[1] for _, stamp in self._copies)
        for key, task in list(self._copies.items()):
            if total <= self._limit:
                return
            if task.done() and not task.cancelled() and task.exception() is None:
                os.close(task.result())
                del self._copies[key]
                total -= key[1][1]


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp by which a changed file is noticed."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def _new_copy() -> int:
    descriptor, name = mkstemp(prefix="pypi-publish-")
    Path(name).unlink()  # it is gone when it is closed
    return descriptor


def _read_piece(path: str, stamp: Stamp, first: int, size: int) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - text, from the hot path
        if stamp_of(os.fstat(file.fileno())) != stamp:
            raise OSError("it is another file by now")
        data = os.pread(file.fileno(), size, first)
    if len(data) < min(size, stamp[1] - first):
        raise OSError("it is shorter than it was")
    return data
