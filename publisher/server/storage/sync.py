"""Commits and reloads of a volume, while no reader uses its folder."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.errors import StorageUnavailableError

COMMIT_PATIENCE = 60.0
"""Seconds that a commit waits for readers of the folder, before it fails."""

_log = logging.getLogger(__name__)


class VolumeSync:
    """
    Owns the commits and reloads of one volume, which looks empty while they run.

    Files are read and written inside `reading`; a commit or reload waits for their end, and while it runs newcomers
    wait. Many that ask at a time share one run that began after they asked.
    """

    def __init__(
        self, commit: Callable[[], Awaitable[None]], reload: Callable[[], Awaitable[None]], *, patience: float
    ) -> None:
        self._volume_commit = commit
        self._volume_reload = reload
        self._patience = patience
        self._readers = 0
        self._changed = asyncio.Condition()
        self._turn = asyncio.Lock()
        self._alone = False
        self.commit = Coalesced(self._commit)
        """Make everything durable that was written before; raise any exception of the volume."""
        self.reload = Coalesced(self._reload)
        """Bring in earlier commits; raise StorageUnavailableError when that can't be done."""

    @property
    def paused(self) -> bool:
        """Whether the folder may look empty just now."""
        return self._alone

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

    async def _commit(self) -> None:
        async with self._exclusively(COMMIT_PATIENCE):
            await self._volume_commit()

    async def _reload(self) -> None:
        try:
            async with self._exclusively(self._patience):
                await self._volume_reload()
        except Exception as error:
            _log.warning("reload failed: %s", error)
            raise StorageUnavailableError from error

    @asynccontextmanager
    async def _exclusively(self, patience: float) -> AsyncIterator[None]:
        """Keep everybody from the folder; raise TimeoutError when a reader does not end in time."""
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
