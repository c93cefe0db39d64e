"""Turns by name within one process, taken before the same turn is taken among processes."""

import asyncio
from weakref import WeakValueDictionary

from publisher.server.storage.errors import StorageUnavailableError


class LocalTurns:
    """One lock for each name that is held or waited for; others are forgotten."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, name: str, patience: float) -> asyncio.Lock:
        """
        Return the lock of a name, held by the caller, who releases it.

        Raises StorageUnavailableError when it is not free within ``patience`` seconds.
        """
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        try:
            async with asyncio.timeout(patience):
                await lock.acquire()
        except TimeoutError:
            raise StorageUnavailableError from None
        return lock
