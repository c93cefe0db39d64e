"""Recording files that were copied into the folders, in the background and before anybody asks for them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from publisher.server.storage.errors import StorageError
from publisher.server.store.errors import StoreError

_log = logging.getLogger(__name__)

RecordProject = Callable[[str], Awaitable[None]]
"""Hashes and records those files of a project that have no record."""


class BackgroundRecorder:
    """Goes through projects that got files, one at a time, so that requests always find a free thread."""

    def __init__(self, record: RecordProject, done: Callable[[], None] = lambda: None) -> None:
        self._record = record
        self._done = done
        self._waiting: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, names: Iterable[str]) -> None:
        """Have projects gone through, in the order in which they came."""
        self._waiting.update(dict.fromkeys(names))
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Begin no further project."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self._waiting:
            names, self._waiting = self._waiting, {}
            for name in names:
                try:
                    await self._record(name)
                except (StoreError, StorageError, OSError) as error:  # the first request tries again, and reports it
                    _log.debug("the files of %s could not be recorded ahead of requests: %s", name, error)
        self._done()
