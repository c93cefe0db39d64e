"""Whether a bucket can be written just now, tried at most once a minute."""

import errno
import time

from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.storage.errors import StorageError, StorageWriteError
from publisher.server.work.workers import Workers

TRIED_EVERY = 60.0
"""Seconds between two tries that succeed; after a failure there is one a second."""

_KEY = ".pypi-publish/probe"


class WriteProbe:
    """Writes and removes one object of a name of its own."""

    def __init__(self, storage: BucketStorage, workers: Workers) -> None:
        self._objects = storage.objects
        self._workers = workers
        self._key = f"{_KEY}-{storage.writer}"
        self._next = 0.0
        self._failure: OSError | None = None

    async def failure(self) -> OSError | None:
        """Return why the bucket can't be written, None when it can."""
        if time.monotonic() >= self._next:
            self._failure = await self._workers.run(self._try)
            self._next = time.monotonic() + (TRIED_EVERY if self._failure is None else 1.0)
        return self._failure

    def _try(self) -> OSError | None:
        try:
            self._objects.overwrite(self._key, b"ok")
            self._objects.remove(self._key)
        except StorageWriteError as error:
            return OSError(errno.EACCES, error.message)
        except StorageError as error:
            return OSError(errno.EIO, error.message)
        return None
