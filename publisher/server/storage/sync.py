"""Committing to a shared volume and bringing in what others committed, while nobody looks at its folder."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Generic, TypeVar

from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageUnavailableError

BETWEEN_RELOADS = 0.25
"""Seconds between two reloads that are asked for: a stream of misses must not keep everybody from the folder."""

COMMIT_PATIENCE = 60.0
"""Seconds that a commit waits for those who look at the folder, before it fails."""

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class VolumeSync:
    """
    Owns the commits and reloads of one storage: on a shared one nobody looks at the folder meanwhile.

    Whoever reads or writes files does it inside `reading`; a commit or reload waits until nobody does, and while it
    runs newcomers wait. Many that ask at a time share one run that began after they asked.
    """

    def __init__(
        self, storage: Storage, *, patience: float, interval: float, between_reloads: float = BETWEEN_RELOADS
    ) -> None:
        self._storage = storage
        self._patience = patience
        self._interval = interval
        self._readers = 0
        self._changed = asyncio.Condition()
        self._turn = asyncio.Lock()
        self._alone = False
        self._task: asyncio.Task[None] | None = None
        self._committing = _Shared(self._commit)
        self._refreshing = _Shared(self._reload, between=between_reloads)

    @property
    def reloading(self) -> bool:
        """Whether the folder may look empty just now."""
        return self._alone

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
    async def reading(self) -> AsyncIterator[None]:
        """Hold off commits and reloads; raise StorageUnavailableError when one that runs does not end in time."""
        if self._alone:
            async with self._changed:
                try:
                    await asyncio.wait_for(self._changed.wait_for(lambda: not self._alone), self._patience)
                except TimeoutError:
                    raise StorageUnavailableError from None
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            if self._readers == 0 and self._alone:
                async with self._changed:
                    self._changed.notify_all()

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Keep other machines from changing a file that is rewritten as a whole."""
        return self._storage.lock()

    async def commit(self) -> None:
        """Make everything that was written before durable; raise what the storage raises when it is not."""
        await self._committing()

    async def on_miss(self) -> bool:
        """Reload because something that was asked for is not there; tell whether looking again makes sense."""
        return self._storage.shared and await self.reload()

    async def reload(self) -> bool:
        """Bring in what others had committed when this was called; tell whether that succeeded."""
        return await self._refreshing()

    async def _commit(self) -> None:
        if not self._storage.shared:
            await self._storage.commit()
            return
        async with self._exclusively(COMMIT_PATIENCE):
            await self._storage.commit()

    async def _reload(self) -> bool:
        try:
            async with self._exclusively(self._patience):
                await self._storage.reload()
        except Exception as error:  # noqa: BLE001 - whatever a volume raises: what is known stays in use
            _log.warning("reload failed: %s", error)
            return False
        return True

    @asynccontextmanager
    async def _exclusively(self, patience: float) -> AsyncIterator[None]:
        """Keep everybody from the folder; raise TimeoutError when somebody does not stop looking in time."""
        async with self._turn:
            self._alone = True
            try:
                async with self._changed:
                    await asyncio.wait_for(self._changed.wait_for(lambda: self._readers == 0), patience)
                yield
            finally:
                self._alone = False
                async with self._changed:
                    self._changed.notify_all()

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self.reload()


class _Shared(Generic[_Result]):
    """Work that serves everybody who asked before it began; those who ask later get the next run."""

    def __init__(self, work: Callable[[], Awaitable[_Result]], between: float = 0.0) -> None:
        self._work = work
        self._between = between
        self._ended = float("-inf")
        self._one = asyncio.Lock()
        self._next: asyncio.Task[_Result] | None = None

    async def __call__(self) -> _Result:
        """Return the result of a run that begins after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._run())
        return await asyncio.shield(self._next)

    async def _run(self) -> _Result:
        async with self._one:
            await asyncio.sleep(self._ended + self._between - time.monotonic())
            self._next = None
            try:
                return await self._work()
            finally:
                self._ended = time.monotonic()
