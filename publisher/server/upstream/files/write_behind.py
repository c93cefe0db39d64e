"""Verified small files on their way to the disk: written together in a quiet moment, answered from memory before."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.files.wanted import Wanted

QUIET = 0.05
"""Seconds without another file that make a moment quiet: an installation asks for its files one after the other."""

LATEST = 0.5
"""Seconds after which files are written in any case, so that other processes need not ask upstream again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A whole file whose digests are right, and its SHA-256; ``placed`` is done when it is stored, or can't be."""

    wanted: Wanted
    body: bytes
    sha256: str
    placed: asyncio.Future[None]


class WriteBehind:
    """Keeps received files until they are stored; ``store`` runs in a thread and may raise OSError."""

    def __init__(self, context: UpstreamContext, store: Callable[[ReceivedFile], None]) -> None:
        self._context = context
        self._store = store
        self._waiting: list[ReceivedFile] = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether so many bytes wait that the next file must wait for the disk."""
        return self._size > self._context.limits.unplaced

    def add(self, file: ReceivedFile) -> None:
        """Have a file stored soon."""
        self._waiting.append(file)
        self._size += len(file.body)
        if 2 * self._size > self._context.limits.unplaced:
            self._hurry.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Store waiting files, at the end."""
        self._hurry.set()
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._waiting:
            await self._quiet()
            self._hurry.clear()
            batch, self._waiting = self._waiting, []
            await asyncio.get_running_loop().run_in_executor(self._context.placer, self._store_all, batch)
            self._size -= sum(len(file.body) for file in batch)
            for file in batch:
                file.placed.set_result(None)
        self._writing = None

    async def _quiet(self) -> None:
        """Return when no more files come, at the latest time, or when many bytes wait."""
        end = asyncio.get_running_loop().time() + LATEST
        before = 0
        while len(self._waiting) > before and asyncio.get_running_loop().time() < end:
            before = len(self._waiting)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), QUIET)
                return

    def _store_all(self, batch: list[ReceivedFile]) -> None:
        for file in batch:
            try:
                self._store(file)
            except OSError as error:
                _log.warning("can't write to the cache of public packages: %s", error)
