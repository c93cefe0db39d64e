"""Cleaning a bucket a few times a day, by one process at a time."""

import asyncio
import logging
import random

from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.storage.errors import StorageError
from publisher.server.store.bucket.leftovers import CLEANING, Leftovers
from publisher.server.work.workers import Workers

EVERY = 6 * 3600.0
"""Seconds between two cleanings of a process, on average."""

_log = logging.getLogger(__name__)


class Cleaning:
    """The background task that removes leftovers of aborted uploads."""

    def __init__(self, storage: BucketStorage, workers: Workers) -> None:
        self._storage = storage
        self._workers = workers
        self._leftovers = Leftovers(storage.objects, storage.files(), storage.identity.identifier)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first cleaning comes later."""
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    async def clean(self) -> list[str]:
        """Clean now, unless another process does; return the removed keys."""
        async with self._storage.lease(CLEANING, patience=1.0):
            removed = await self._workers.run(self._leftovers.clean)
        for key in removed:
            _log.info("removed %s, which no record has listed for a day", key)
        return removed

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY * random.uniform(0.5, 1.5))  # noqa: S311 - so that processes part
            try:
                await self.clean()
            except StorageError as error:
                _log.debug("the bucket was not cleaned: %s", error)
