"""Writes to the cache that no request waits for: together, in a quiet moment."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import NamedTuple

QUIET = 0.05
"""Seconds without another write that make a moment quiet: an installation asks for its files one after the other."""

LATEST = 0.5
"""Seconds after which everything is written in any case, so that other processes need not ask upstream again."""

_log = logging.getLogger(__name__)


class _Write(NamedTuple):
    """Work on the disk, the bytes that it keeps in memory until then, and a future that is done afterwards."""

    size: int
    work: Callable[[], object]
    written: asyncio.Future[None]


class WriteBehind:
    """Runs writes in the threads of ``executor``, one after the other; up to ``limit`` bytes wait unhurried."""

    def __init__(self, executor: Executor, limit: int) -> None:
        self._executor = executor
        self._limit = limit
        self._waiting: list[_Write] = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether so many bytes wait that the next write must wait for the disk."""
        return self._size > self._limit

    def add(self, size: int, work: Callable[[], object]) -> "asyncio.Future[None]":
        """Have work done soon, which may raise OSError; return a future that is done when it was tried."""
        write = _Write(size, work, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        self._size += size
        if 2 * self._size > self._limit:
            self._hurry.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return write.written

    async def stop(self) -> None:
        """Do what waits, at the end."""
        self._hurry.set()
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._waiting:
            await self._quiet()
            self._hurry.clear()
            batch, self._waiting = self._waiting, []
            await asyncio.get_running_loop().run_in_executor(self._executor, _do_all, batch)
            self._size -= sum(write.size for write in batch)
            for write in batch:
                write.written.set_result(None)
        self._writing = None

    async def _quiet(self) -> None:
        """Return when no more writes come, at the latest time, or when many bytes wait."""
        end = asyncio.get_running_loop().time() + LATEST
        before = 0
        while len(self._waiting) > before and asyncio.get_running_loop().time() < end:
            before = len(self._waiting)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), QUIET)
                return


def _do_all(batch: list[_Write]) -> None:
    for write in batch:
        try:
            write.work()
        except OSError as error:
            _log.warning("can't write to the cache of public packages: %s", error)
