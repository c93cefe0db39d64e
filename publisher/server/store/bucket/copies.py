"""Copies of files of a bucket on this machine's disk, for readers that need a path."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from publisher.server.storage.bucket.objects import Objects
from publisher.server.storage.errors import AbsentError, MissingFileError
from publisher.server.work.workers import Workers

COPIES = 4
"""Files that are copied at a time."""


class BucketCopies:
    """Makes a copy for each use, a few at a time, and removes it afterwards."""

    def __init__(self, objects: Objects, workers: Workers) -> None:
        self._objects = objects
        self._workers = workers
        self._places = asyncio.Semaphore(COPIES)

    @asynccontextmanager
    async def copy(self, key: str) -> AsyncIterator[Path]:
        """Return the path of a copy; raise StorageUnavailableError when the file can't be read."""
        async with self._places:
            folder = await self._workers.run(partial(mkdtemp, prefix="pypi-publish-"))
            try:
                path = Path(folder, os.path.basename(key))  # noqa: PTH119 - a key
                await self._workers.run(lambda: self._download(key, path))
                yield path
            finally:
                await self._workers.run(partial(shutil.rmtree, folder, ignore_errors=True))

    def _download(self, key: str, path: Path) -> None:
        try:
            self._objects.download(key, path)
        except AbsentError as error:
            raise MissingFileError from error
