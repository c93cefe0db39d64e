"""When to read the package folders again: their times are compared at each request, within a share of the time."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path

from publisher.server.storage.errors import StorageError
from publisher.server.storage.sync import VolumeSync
from publisher.server.store.contents import FolderContents
from publisher.server.store.errors import StoreError
from publisher.server.store.scan import Listing, OwnChanges, ScanResult, compare_times, read_folders
from publisher.server.store.workers import Workers

CHECK_SHARE = 20
"""Comparing a folder's times, and reading a large one again, may take one part in this many of the time."""

INLINE_SCAN = 0.004
"""Seconds: a folder that is read faster than this is read at once, a slower one in a thread."""

_log = logging.getLogger(__name__)


class FolderWatch:
    """Keeps the contents in memory and the folders in agreement; reads in threads, changes in the event loop."""

    def __init__(self, roots: Sequence[Path], contents: FolderContents, sync: VolumeSync, workers: Workers) -> None:
        self._roots = roots
        self.contents = contents
        self._sync = sync
        self._workers = workers
        self.unavailable_reason: str | None = "the package folder was not read yet"
        """Why the folder can't be served, None while it can."""
        self.begun_scans = 0
        self.own_changes = OwnChanges()
        self.after_scan: Callable[[], None] = lambda: None
        self._next_check = 0.0
        self._next_scan = 0.0
        self._scan_cost = 0.0
        self._scanning: asyncio.Task[None] | None = None

    def is_current(self) -> bool:
        """Tell whether memory and folder agree, as far as that is cheap to know."""
        now = time.monotonic()
        if now < self._next_check or self._sync.reloading:
            return True
        try:
            found = compare_times(self.contents.listings)
        except OSError as error:
            self.lose(error)
            return True
        cheap = found is ScanResult.CHANGED and self._scan_cost < INLINE_SCAN
        current = self.unavailable_reason is None if found is ScanResult.SAME else not cheap and now < self._next_scan
        if current:
            self._next_check = time.monotonic() + CHECK_SHARE * (time.monotonic() - now)
        return current

    def refresh(self) -> None:
        """
        Make memory and folder agree.

        A folder that takes long to read is read in the background, and what is known stays in use meanwhile.
        """
        if self.is_current():
            return
        if self._scan_cost < INLINE_SCAN:
            number = self._begin()
            try:
                scan = self._read()
            except OSError as error:
                self.lose(error)
            else:
                self._apply(number, *scan)
        elif self._scanning is None or self._scanning.done():
            self._scanning = in_background(self.rescan())

    async def rescan(self) -> None:
        """Read the folders that changed."""
        async with self._sync.reading():
            number = self._begin()
            try:
                scan = await self._workers.run(self._read)
            except OSError as error:
                self.lose(error)
            else:
                self._apply(number, *scan)

    def lose(self, error: OSError) -> None:
        """Serve no more until the folder can be read again."""
        if self.unavailable_reason is None:
            _log.error("%s", error)
        self.unavailable_reason = str(error.strerror or error)
        self._next_check = time.monotonic() + 0.5

    def _begin(self) -> int:
        self.begun_scans += 1
        return self.begun_scans

    def _read(self) -> tuple[dict[str, Listing], float]:
        """Read the folders; return their listings, and the seconds that it took."""
        started = time.monotonic()
        return read_folders(self._roots, self.contents.listings), time.monotonic() - started

    def _apply(self, number: int, listings: dict[str, Listing], cost: float) -> None:
        if self.contents.apply(number, listings):
            self._scan_cost = cost
            self._next_scan = time.monotonic() + CHECK_SHARE * cost
            self.unavailable_reason = None
            self.after_scan()


def in_background(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Start work that no request waits for; a folder that is busy for long is no failure of it: it is tried again."""

    async def quietly() -> None:
        with suppress(StoreError, StorageError):
            await work

    return asyncio.create_task(quietly())
