"""Bringing in what others committed to a shared volume: on a miss, from time to time, and never two at once."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from publisher.server.http import HttpError
from publisher.server.storage import Storage

ON_MISS_INTERVAL = 1.0
"""Seconds between two reloads that misses ask for."""

_log = logging.getLogger(__name__)


class Refresher:
    """
    Owns the reloading of one storage: nobody looks at its folder while it reloads.

    Whoever reads or writes files does it inside `looking`; a reload waits until nobody does, and while it runs newcomers wait.
    """

    def __init__(self, storage: Storage, *, patience: float, interval: float) -> None:
        self._storage = storage
        self._patience = patience
        self._interval = interval
        self._looking = 0
        self._changed = asyncio.Condition()
        self._reloading = False
        self._last = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def reloading(self) -> bool:
        """Whether the folder may look empty just now."""
        return self._reloading

    @property
    def shared(self) -> bool:
        """Whether others write to the storage from other machines."""
        return self._storage.shared

    def start(self) -> None:
        """Begin to reload from time to time, where others write too."""
        if self._storage.shared:
            self._task = asyncio.create_task(self._keep_fresh())

    async def stop(self) -> None:
        """Stop reloading."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Hold off reloads; raise HttpError 503 when one that runs does not end in time."""
        if self._reloading:
            async with self._changed:
                try:
                    await asyncio.wait_for(self._changed.wait_for(lambda: not self._reloading), self._patience)
                except TimeoutError:
                    raise busy() from None
        self._looking += 1
        try:
            yield
        finally:
            self._looking -= 1
            if self._looking == 0 and self._reloading:
                async with self._changed:
                    self._changed.notify_all()

    async def commit(self) -> None:
        """Make changes durable; raise what the storage raises when they are not."""
        await self._storage.commit()

    async def on_miss(self) -> bool:
        """Reload because something that was asked for is not there; tell whether looking again makes sense."""
        if not self._storage.shared or time.monotonic() - self._last < ON_MISS_INTERVAL:
            return False
        return await self.reload()

    async def reload(self) -> bool:
        """Bring in what others committed; tell whether that succeeded."""
        if self._reloading:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._reloading)
            return True
        self._reloading = True
        try:
            async with self._changed:
                await asyncio.wait_for(self._changed.wait_for(lambda: self._looking == 0), self._patience)
            await self._storage.reload()
        except Exception as error:  # noqa: BLE001 - whatever a volume raises: what is known stays in use
            _log.warning("reload failed: %s", error)
            return False
        finally:
            self._last = time.monotonic()
            self._reloading = False
            async with self._changed:
                self._changed.notify_all()
        return True

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self.reload()


def busy() -> HttpError:
    """Return the answer while files can't be looked at: never a 404, which would send installers elsewhere."""
    return HttpError(503, "The packages can't be read just now; try again in a moment.", [(b"retry-after", b"2")])
