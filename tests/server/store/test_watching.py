"""When the folders are compared and read: after rests, for names that are known or not, and after a loss."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.folder import FolderStorage
from publisher.server.store import watch as module
from publisher.server.store.contents import FolderContents
from publisher.server.store.scan import DirectoryListing, ScanResult, read_folders
from publisher.server.store.watch import KNOWN_PATIENCE, FolderWatch, in_background
from publisher.server.work import looks
from publisher.server.work.workers import Workers
from tests.helpers.clock import set_monotonic
from tests.helpers.dists import make_wheel


def is_lost(watch: FolderWatch) -> bool:
    return watch.unavailable_reason is not None


class SharedStorage(FolderStorage):
    """A storage that others write too, as far as a test says."""

    generation = 0
    reading_paused = False
    recent = True
    down = False

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[float | None] = []

    def is_recent(self) -> bool:
        return self.recent

    async def refresh(self, since: float | None = None) -> None:
        self.asked.append(since)
        if self.down:
            raise StorageUnavailableError


class Watched:
    """A watch over a folder of one wheel that was read once, with a clock and comparisons of a test's choice."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make_wheel(root, "sound")
        self.root = root
        self.now = 1000.0
        self.found: ScanResult | OSError = ScanResult.SAME
        self.compared = 0
        self.took = 0.0
        """The seconds that comparing or reading takes."""
        self.read: list[bool] = []
        """For each scan, whether it trusted the times of directories."""
        self.storage = SharedStorage(root)
        self.contents = FolderContents([root])
        self.workers = Workers(1)
        self.watch = FolderWatch([root], self.contents, self.storage, self.workers)
        set_monotonic(monkeypatch, lambda: self.now, module, looks)
        monkeypatch.setattr(module, "compare_times", self._compare)
        monkeypatch.setattr(module, "read_folders", self._read)

    def _compare(self, _listings: object) -> ScanResult:
        self.compared += 1
        self.now += self.took
        if isinstance(self.found, OSError):
            raise self.found
        return self.found

    def _read(self, roots: Any, known: Any, *, trust_times: bool) -> dict[str, DirectoryListing]:
        self.read.append(trust_times)
        self.now += self.took
        return read_folders(roots, known, trust_times=trust_times)

    def run(self, scenario: Callable[["Watched"], Coroutine[Any, Any, None]]) -> None:
        async def work() -> None:
            await self.watch.rescan()
            self.read.clear()
            await scenario(self)

        try:
            with asyncio.Runner() as runner:
                runner.run(work())
        finally:
            self.workers.close()


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(tmp_path, monkeypatch)


def test_times_are_compared_again_after_fifty_times_as_long_as_that_took(watched: Watched) -> None:
    async def scenario(watched: Watched) -> None:
        watched.took = 0.5
        assert watched.watch.is_current()
        for after, compared in ((0.0, 1), (24.75, 1), (0.25, 2), (0.0, 2)):
            watched.now += after
            assert watched.watch.is_current()
            assert watched.compared == compared

    watched.run(scenario)


def test_a_watch_is_current_only_while_its_storage_is(watched: Watched) -> None:
    async def scenario(watched: Watched) -> None:
        watched.storage.recent = False
        assert not watched.watch.is_current()
        watched.storage.recent = True
        watched.storage.generation = 1
        assert not watched.watch.is_current()
        watched.storage.reading_paused = True
        assert watched.watch.is_current()
        assert watched.compared == 0
        watched.storage.reading_paused = False
        await watched.watch.rescan()
        assert watched.watch.is_current()
        assert watched.read == [False]  # the times of directories do not show the writes of others
        await watched.watch.rescan()
        assert watched.read == [False, True]
        watched.watch.distrust()
        assert not watched.watch.is_current()
        await watched.watch.rescan()
        assert watched.read == [False, True, False]

    watched.run(scenario)


@pytest.mark.parametrize(
    ("found", "cost", "current"),
    [
        (ScanResult.SAME, 0.0, True),
        (ScanResult.CHANGED, 0.0, False),  # read at once
        (ScanResult.CHANGED, 1.0, True),  # that was read a moment ago, and takes long
        (ScanResult.RACY, 0.0, False),
        (ScanResult.RACY, 1.0, True),
    ],
)
def test_a_folder_that_takes_long_is_not_read_all_the_time(
    watched: Watched, found: ScanResult, cost: float, *, current: bool
) -> None:
    async def scenario(watched: Watched) -> None:
        make_wheel(watched.root, "later")
        watched.took = cost
        watched.watch.distrust()
        await watched.watch.rescan()
        watched.took = 0.0
        watched.found = found
        assert watched.watch.is_current() is current
        watched.now += 19.9 * cost
        assert watched.watch.is_current() is current
        watched.now += 0.1 * cost
        assert watched.watch.is_current() is (found is ScanResult.SAME)

    watched.run(scenario)


def test_a_lost_folder_is_asked_for_again_after_half_a_second(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(watched: Watched) -> None:
        watched.found = OSError(5, "Input/output error")
        with caplog.at_level(logging.ERROR):
            assert watched.watch.is_current()  # there is nothing that a request could do
            watched.now += 0.49
            assert watched.watch.is_current()
            assert watched.compared == 1
            watched.now += 0.01
            assert watched.watch.is_current()
        assert watched.compared == 2
        assert vars(watched.watch)["unavailable_reason"] == "Input/output error"
        assert len(caplog.records) == 1
        watched.now += 0.5
        watched.found = ScanResult.SAME
        assert not watched.watch.is_current()
        await watched.watch.refresh()
        assert not is_lost(watched.watch)
        assert watched.watch.is_current()
        watched.watch.lose(OSError("no text of the system"))
        assert watched.watch.unavailable_reason == "no text of the system"

    watched.run(scenario)


def test_a_scan_that_began_before_a_loss_or_a_later_scan_changes_nothing(watched: Watched) -> None:
    async def scenario(watched: Watched) -> None:
        first, second = watched.watch._begin(), watched.watch._begin()
        assert second == first + 1 == watched.watch.begun_scans
        scans = []
        watched.watch.after_scan = lambda: scans.append(1)
        watched.watch._apply(second, {}, 0.0)
        watched.watch.lose(OSError("earlier"), first)
        assert watched.watch.unavailable_reason is None
        watched.watch._apply(first, {str(watched.root): DirectoryListing(1, False, frozenset("a"), ())}, 0.0)  # noqa: FBT003 - a record
        assert watched.contents.listings == {}
        assert scans == [1]
        watched.watch.lose(OSError("now"))
        watched.watch._apply(second, {}, 0.0)
        assert is_lost(watched.watch)

    watched.run(scenario)


def test_an_unknown_name_is_looked_for_in_the_storage_and_the_folder(watched: Watched) -> None:
    async def scenario(watched: Watched) -> None:
        await watched.watch.look(5.0)
        assert (watched.storage.asked, watched.read) == ([5.0], [])
        for found in (ScanResult.RACY, ScanResult.CHANGED):
            watched.found = found
            await watched.watch.look()
        assert watched.read == [True, True]
        watched.found = ScanResult.SAME
        watched.storage.generation = 1
        await watched.watch.look()
        assert watched.read == [True, True, False]
        watched.storage.down = True
        with pytest.raises(StorageUnavailableError):
            await watched.watch.look()
        watched.storage.down = False
        watched.found = OSError(5, "Input/output error")
        with pytest.raises(StorageUnavailableError):
            await watched.watch.look()
        watched.found = ScanResult.SAME
        await watched.watch.look()  # reads a lost folder anew
        assert watched.watch.unavailable_reason is None

    watched.run(scenario)


def test_a_known_name_is_answered_from_memory_while_the_storage_is_down(watched: Watched) -> None:
    async def scenario(watched: Watched) -> None:
        await watched.watch.refresh()
        assert watched.storage.asked == []
        watched.storage.recent, watched.storage.down = False, True
        await watched.watch.refresh()
        assert watched.storage.asked == [None]
        watched.storage.generation, watched.storage.down = 1, False
        watched.read.clear()
        watched.storage.reading_paused = True
        await watched.watch.refresh()
        assert watched.read == []
        watched.storage.reading_paused = False
        await watched.watch.refresh()
        assert watched.read == [False]
        assert KNOWN_PATIENCE == 5.0

    watched.run(scenario)


def test_a_slow_folder_is_read_in_the_background_by_one_scan_at_a_time(watched: Watched) -> None:
    async def scenario(watched: Watched) -> None:
        watch = watched.watch
        watched.took = 1.0
        watch.distrust()
        await watch.rescan()
        watched.read.clear()
        watched.found = ScanResult.CHANGED
        watched.now += 100.0
        make_wheel(watched.root, "later")
        await watch.refresh()
        scanning = watch._scanning
        assert scanning is not None
        assert "later" not in watched.contents.projects
        await watch.refresh()
        assert watch._scanning is scanning
        await scanning
        assert "later" in watched.contents.projects
        watched.now += 100.0
        await watch.refresh()
        assert watch._scanning is not scanning
        await watch._scanning
        assert watched.read == [True, True]

    watched.run(scenario)


def test_a_failure_in_the_background_is_ignored() -> None:
    async def fail() -> None:
        raise StorageUnavailableError

    async def run() -> None:
        await in_background(fail())

    asyncio.run(run())
