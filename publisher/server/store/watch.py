"""Watch over the package folders: their times are compared at each request, within a share of the time."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path

from publisher.server.storage.base import Storage
from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.errors import StorageError, StorageUnavailableError
from publisher.server.store.contents import FolderContents
from publisher.server.store.errors import StoreError
from publisher.server.store.scan import DirectoryListing, OwnChanges, ScanResult, compare_times, read_folders
from publisher.server.work.looks import LookTimes
from publisher.server.work.workers import Workers

CHECK_SHARE = 20
"""Reading a large folder again may take one part in this many of the time."""

INLINE_SCAN = 0.004
"""Seconds: a folder that is read faster than this is read at once, a slower one in a thread."""

INLINE_DELAY = 0.04
"""Seconds that one scan may take after a fast one: on a busy machine, any scan may have to wait for a processor."""

INLINE_ENTRIES = 4_000
"""Files that such a folder has at most, however little of it the newest scan had to read."""

KNOWN_PATIENCE = 5.0
"""Seconds that a known name waits for the changes of others, before it is answered from memory."""

_log = logging.getLogger(__name__)


class FolderWatch:
    """Keeps the contents in memory and the folders in agreement; reads in threads, changes in the event loop."""

    def __init__(self, roots: Sequence[Path], contents: FolderContents, storage: Storage, workers: Workers) -> None:
        self._roots = roots
        self.contents = contents
        self._storage = storage
        self._workers = workers
        self.unavailable_reason: str | None = "the package folder was not read yet"
        """The reason why the folder can't be served, None while it can."""
        self.begun_scans = 0
        self.own_changes = OwnChanges()
        self.after_scan: Callable[[], None] = lambda: None
        self._check_times = LookTimes()
        self._next_check = 0.0
        self._next_scan = 0.0
        self._scan_costs = deque([0.0], maxlen=2)
        """Seconds that the last two scans took; scans that had nothing to read don't count."""
        self._entries = 0
        self._scanning: asyncio.Task[None] | None = None
        self._distrusted = 0
        self._scanned_generation = 0
        """The generation of the storage at the newest scan: the times of directories don't show writes of others."""
        self._rescan = Coalesced(self._scan)

    def is_current(self) -> bool:
        """Return whether memory and folder agree, as far as that is cheap to know."""
        now = time.monotonic()
        if not self._storage.is_recent():
            return False
        if now < self._next_check or self._storage.reading_paused:
            return True
        if self._storage.generation != self._scanned_generation:
            return False
        try:
            found = compare_times(self.contents.listings)
        except OSError as error:
            self.lose(error)
            return True
        cheap = found is ScanResult.CHANGED and self._is_read_fast()
        current = self.unavailable_reason is None if found is ScanResult.SAME else not cheap and now < self._next_scan
        if current:
            self._next_check = self._check_times.next(now)
        return current

    async def refresh(self) -> None:
        """
        Make memory and folder agree, for the sake of known names: after a failure, the known state stays in use.

        A folder that takes long to read is read in the background.
        """
        if self.is_current():
            return
        if not self._storage.is_recent():
            with suppress(StorageError, TimeoutError):
                async with asyncio.timeout(KNOWN_PATIENCE):
                    await self._storage.refresh()
        if self._storage.reading_paused:
            return
        if self._storage.generation != self._scanned_generation:
            with suppress(StorageError):
                await self.rescan()
        elif self._is_read_fast():
            number = self._begin()
            try:
                scan = self._read()
            except OSError as error:
                self.lose(error, number)
            else:
                self._apply(number, *scan)
        elif self._scanning is None or self._scanning.done():
            self._scanning = in_background(self.rescan())

    def distrust(self) -> None:
        """Have the next scan read every directory, also those whose times did not change."""
        self._distrusted += 1
        self._scanned_generation = -1
        self._next_check = 0.0

    async def rescan(self) -> None:
        """Read the folders that changed; simultaneous callers share one scan."""
        await self._rescan()

    async def look(self, since: float | None = None) -> None:
        """
        Make memory and folder agree, for the sake of a name that is not known, or of a write.

        Raises StorageUnavailableError when that can't be done.
        """
        await self._storage.refresh(since)
        if self._storage.generation != self._scanned_generation or not await self._is_same():
            await self.rescan()
        if self.unavailable_reason is not None:
            raise StorageUnavailableError

    async def _is_same(self) -> bool:
        async with self._storage.reading():
            try:
                return compare_times(self.contents.listings) is ScanResult.SAME and self.unavailable_reason is None
            except OSError as error:
                self.lose(error)
                return True

    async def _scan(self) -> None:
        async with self._storage.reading():
            number, generation, distrusted = self._begin(), self._storage.generation, self._distrusted
            try:
                scan = await self._workers.run(self._read)
            except OSError as error:
                self.lose(error, number)
            else:
                self._apply(number, *scan)
                if distrusted == self._distrusted:
                    self._scanned_generation = max(generation, self._scanned_generation)

    def lose(self, error: OSError, number: int | None = None) -> None:
        """
        Serve no more until a scan succeeds that began later than the one that failed, by default than this moment.

        One that had begun earlier may have read the folder while it was still there.
        """
        if not self.contents.supersede(self.begun_scans + 1 if number is None else number):
            return
        if self.unavailable_reason is None:
            _log.error("%s", error)
        self.unavailable_reason = str(error.strerror or error)
        self._next_check = time.monotonic() + 0.5

    def _begin(self) -> int:
        self.begun_scans += 1
        return self.begun_scans

    def _read(self) -> tuple[dict[str, DirectoryListing], float]:
        """Read the folders; return their listings, and the seconds that it took."""
        started = time.monotonic()
        same = self._storage.generation == self._scanned_generation
        return read_folders(self._roots, self.contents.listings, trust_times=same), time.monotonic() - started

    def _is_read_fast(self) -> bool:
        is_fast = min(self._scan_costs) < INLINE_SCAN and self._scan_costs[-1] < INLINE_DELAY
        return is_fast and self._entries <= INLINE_ENTRIES

    def _apply(self, number: int, listings: dict[str, DirectoryListing], cost: float) -> None:
        was_read = any(self.contents.listings.get(path) is not listing for path, listing in listings.items())
        if self.contents.apply(number, listings):
            if was_read:
                self._scan_costs.append(cost)
            self._entries = sum(len(listing.files) for listing in listings.values())
            self._next_scan = time.monotonic() + CHECK_SHARE * cost
            self.unavailable_reason = None
            self.after_scan()


def in_background(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Start work that no request waits for; it is tried again, so failures of the storage are ignored."""

    async def quietly() -> None:
        with suppress(StoreError, StorageError):
            await work

    return asyncio.create_task(quietly())
