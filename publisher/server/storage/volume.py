"""A volume that containers mount, commit and reload (Modal's) as a storage; a shared dictionary keeps them in step."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from publisher.server.siblings.news import NoNews
from publisher.server.storage.base import LEASE_PATIENCE, Files, Lease
from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.dictlease import LEASE_SECONDS, DictLeases
from publisher.server.storage.errors import NotDurableError, StorageUnavailableError
from publisher.server.storage.filelocks import FileLocks
from publisher.server.storage.folder import FolderFiles, known_version, remove_old_copies
from publisher.server.storage.groupsync import GroupSync
from publisher.server.storage.notices import LONGEST_COMMIT, Notices, SharedDict
from publisher.server.storage.sync import VolumeSync

RECENT = 1.0
"""Minimum seconds between two reads of the shared dictionary for known names."""

DICT_TIMEOUT = 10.0
"""Seconds that one call of the shared dictionary may take."""

RETRY_COMMIT = 1.0
"""Seconds between two attempts to commit after a failure."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VolumeTimes:
    """Times of a volume, in seconds: waits for the folder, leases, the longest commit, reads, repeated commits."""

    patience: float = 20.0
    lease: float = LEASE_SECONDS
    longest_commit: float = LONGEST_COMMIT
    recent: float = RECENT
    retry_commit: float = RETRY_COMMIT


class VolumeStorage:
    """One container's view of a volume."""

    shared = True
    oldest_page = RECENT
    is_rebuilt = True

    def __init__(  # noqa: PLR0913 - a volume, its dictionary, and how long to wait for them
        self,
        root: Path,
        name: str,
        *,
        commit: Callable[[], Awaitable[None]],
        reload: Callable[[], Awaitable[None]],
        entries: SharedDict,
        times: VolumeTimes = VolumeTimes(),
    ) -> None:
        self.root = root
        self.generation = 0
        self.news = NoNews()
        self._times = times
        self._sync = VolumeSync(commit, reload, patience=times.patience)
        self._entries = _Bounded(entries)
        self._name = name
        self._notices = Notices(self._entries, name, times.longest_commit)
        self._leases = DictLeases(self._entries, times.lease)
        self._group = GroupSync()
        self._locks = FileLocks(Path(gettempdir()), Path(gettempdir(), "pypi-publish-locks"))
        self._suffix = f"~/{uuid.uuid4().hex[:12]}"
        self._refresh = Coalesced(self._bring_in)
        self._failed_commits = 0
        self._unsettled: asyncio.Task[None] | None = None
        """Tries to commit again after a failure; None when everything is committed."""

    @property
    def reading_paused(self) -> bool:
        """Whether the files may look absent just now."""
        return self._sync.paused

    def known_version(self, key: str) -> str | None:
        """Return the version of a file, unless the folder may look empty just now."""
        if self.reading_paused:
            raise StorageUnavailableError
        return known_version(self._files(), key)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Files]:
        """Return the files; a reload waits for the end of the block."""
        async with self._sync.reading():
            yield self._files()

    @asynccontextmanager
    async def writing(self, lease: Lease | None = None, since: float | None = None) -> AsyncIterator[Files]:
        """Return the files for changes, which are committed at the end of the block."""
        await self.refresh(since)
        try:
            await self._notices.begin()
        except Exception as error:
            raise StorageUnavailableError from error
        files = self._files(leased=lease is not None)
        try:
            if lease is not None:
                await lease.check()
            async with self._sync.reading():
                try:
                    yield files
                    if lease is not None and files.changed:
                        await lease.check()
                except BaseException:
                    files.undo_creations()  # before any commit, so that it leaves no trace
                    raise
        except BaseException:
            with suppress(NotDurableError):
                await asyncio.shield(self._finish(files, lease))
            raise
        await asyncio.shield(self._finish(files, lease))

    def is_recent(self) -> bool:
        """Return whether others' changes were looked for a moment ago."""
        return time.monotonic() - self._refresh.began < self._times.recent

    async def refresh(self, since: float | None = None) -> None:
        """Look for changes of others, and reload when there are any."""
        await self._refresh(since)

    @asynccontextmanager
    async def lease(self, name: str, value: str = "", patience: float = LEASE_PATIENCE) -> AsyncIterator[Lease]:
        """Hold a lease in the shared dictionary."""
        async with self._leases.hold(f"{self._name}/{name}", value, patience) as lease:
            yield lease

    async def claim_once(self, name: str, value: str, seconds: float) -> str:  # noqa: ARG002 - entries last for days
        """Claim a name by creating an entry, which lasts until it was not read for days."""
        key = f"once/{self._name}/{name}"
        try:
            if await self._entries.create(key, value):
                return value
            return str(await self._entries.get(key))
        except Exception as error:
            raise StorageUnavailableError from error

    async def start(self) -> None:
        """Remove the copies that killed containers left; the first request looks for changes of others."""
        async with self.reading():
            await asyncio.to_thread(remove_old_copies, self.root)

    async def stop(self) -> None:
        """Stop trying to commit."""
        if self._unsettled is not None:
            self._unsettled.cancel()
            with suppress(asyncio.CancelledError):
                await self._unsettled

    def _files(self, *, leased: bool = False) -> FolderFiles:
        return FolderFiles(self.root, self._locks, self._group, self._suffix, leased=leased)

    async def _bring_in(self) -> None:
        try:
            look = await self._notices.look()
        except Exception as error:
            _log.warning("the shared dictionary can't be read: %s", error)
            raise StorageUnavailableError from error
        if look.reload:
            await self._sync.reload()
            self.generation += 1
        self._notices.brought_in(look)

    async def _finish(self, files: FolderFiles, lease: Lease | None) -> None:
        """Commit changes, also those of failed commits, and announce them."""
        if files.changed or self._unsettled is not None:
            try:
                await self._sync.commit()
            except Exception as error:
                _log.exception("commit failed")
                self._failed_commits += 1
                self._unsettled = self._unsettled or asyncio.create_task(self._settle())
                if lease is not None:
                    lease.keep_until(self._unsettled)
                raise NotDurableError("The index could not make the change durable.", self._unsettled) from error
        with suppress(Exception):  # the entry stays pending: others reload more often than they need to
            await self._notices.end()

    async def _settle(self) -> None:
        """Commit until it succeeds; this container's entry stays pending meanwhile."""
        while True:
            await asyncio.sleep(self._times.retry_commit)
            try:
                await self._sync.commit()
            except Exception as error:  # noqa: BLE001 - whatever a volume raises
                _log.warning("commit failed again: %s", error)
                continue
            self._unsettled = None
            failed, self._failed_commits = self._failed_commits, 0
            for _ in range(failed):
                with suppress(Exception):
                    await self._notices.end()
            return


class _Bounded:
    """A shared dictionary whose calls end in time."""

    def __init__(self, entries: SharedDict) -> None:
        self._entries = entries

    async def get(self, key: str) -> object:
        async with asyncio.timeout(DICT_TIMEOUT):
            return await self._entries.get(key)

    async def put(self, key: str, value: object) -> None:
        async with asyncio.timeout(DICT_TIMEOUT):
            await self._entries.put(key, value)

    async def create(self, key: str, value: object) -> bool:
        async with asyncio.timeout(DICT_TIMEOUT):
            return await self._entries.create(key, value)

    async def items(self, prefix: str) -> dict[str, object]:
        async with asyncio.timeout(DICT_TIMEOUT):
            return await self._entries.items(prefix)
