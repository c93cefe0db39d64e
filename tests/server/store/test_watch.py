"""The watch over the folders: a lost one stays lost until a later scan finds it, and none holds up the event loop."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from publisher.server.storage.folder import FolderStorage
from publisher.server.store import watch as module
from publisher.server.store.contents import FolderContents
from publisher.server.store.scan import Listings, ScanResult, compare_times, read_folders
from publisher.server.store.watch import FolderWatch
from publisher.server.work import looks
from publisher.server.work.workers import Workers
from tests.helpers.clock import set_monotonic
from tests.helpers.dists import make_wheel

_Result = TypeVar("_Result")


class SlowWorkers(Workers):
    """Threads whose results arrive when the test lets them."""

    def __init__(self) -> None:
        super().__init__(1)
        self.done, self.arrive = asyncio.Event(), asyncio.Event()
        self.arrive.set()

    async def run(self, work: Callable[[], _Result]) -> _Result:
        result = await super().run(work)
        self.done.set()
        await self.arrive.wait()
        return result


def is_lost(watch: FolderWatch) -> bool:
    return watch.unavailable_reason is not None


def test_a_scan_from_before_the_loss_does_not_bring_the_folder_back(tmp_path: Path) -> None:
    asyncio.run(_lose_it_during_a_scan(tmp_path))


async def _lose_it_during_a_scan(tmp_path: Path) -> None:
    root = tmp_path / "packages"
    root.mkdir()
    make_wheel(root, "sound")
    contents, workers = FolderContents([root]), SlowWorkers()
    watch = FolderWatch([root], contents, FolderStorage(root), workers)
    await watch.rescan()
    workers.arrive.clear()
    workers.done.clear()
    scan = asyncio.create_task(watch.rescan())
    await workers.done.wait()
    away = root.rename(tmp_path / "away")
    await watch.refresh()
    assert is_lost(watch)
    workers.arrive.set()
    await scan
    assert is_lost(watch)
    assert set(contents.projects) == {"sound"}
    away.rename(root)
    await watch.rescan()
    assert not is_lost(watch)
    workers.close()


@pytest.mark.parametrize(("most", "at_once"), [(2, False), (100, True)])
def test_a_folder_of_many_files_is_read_in_a_thread_also_after_a_scan_that_read_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, most: int, at_once: bool
) -> None:
    threads: list[bool] = []

    def reading(*arguments: Any, **options: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return read_folders(*arguments, **options)

    monkeypatch.setattr(module, "read_folders", reading)
    monkeypatch.setattr(module, "INLINE_SCAN", 60.0)
    monkeypatch.setattr(module, "INLINE_DELAY", 60.0)  # the number of files decides, on a busy machine too
    monkeypatch.setattr(module, "INLINE_ENTRIES", most)
    monkeypatch.setattr(module, "CHECK_SHARE", 0)
    for version in ("1.0", "1.1", "1.2"):
        make_wheel(tmp_path, "sound", version)
    os.utime(tmp_path, (1_700_000_000, 1_700_000_000))

    async def run() -> None:
        contents, workers = FolderContents([tmp_path]), Workers(1)
        watch = FolderWatch([tmp_path], contents, FolderStorage(tmp_path), workers)
        for _ in range(2):  # the second one finds the time that it knows
            await watch.rescan()
        threads.clear()
        make_wheel(tmp_path, "later")
        await watch.refresh()
        assert ("later" in contents.projects) is at_once
        await watch.rescan()
        assert "later" in contents.projects
        workers.close()

    asyncio.run(run())
    assert threads[0] is at_once


@pytest.mark.parametrize(
    ("costs", "at_once"),
    [
        ((0.001,), True),
        ((0.01,), True),  # it may have waited for a processor
        ((0.01, 0.001), True),
        ((0.001, 0.01), True),
        ((0.01, 0.01), False),
        ((0.001, 0.5), False),
        ((0.5,), False),
        ((0.5, 0.001), True),
    ],
)
def test_a_folder_is_read_at_once_if_one_of_two_scans_was_fast_and_the_newest_not_very_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, costs: tuple[float, ...], *, at_once: bool
) -> None:
    monkeypatch.setattr(module, "CHECK_SHARE", 0)

    async def run() -> None:
        contents, workers = FolderContents([tmp_path]), Workers(1)
        watch = FolderWatch([tmp_path], contents, FolderStorage(tmp_path), workers)
        for number, cost in enumerate(costs):
            make_wheel(tmp_path, f"sound{number}")
            monkeypatch.setattr(watch, "_read", lambda cost=cost: (read_folders([tmp_path], {}), cost))
            await watch.rescan()
        make_wheel(tmp_path, "later")
        await watch.refresh()
        assert ("later" in contents.projects) is at_once
        await watch.rescan()
        workers.close()

    asyncio.run(run())


def test_a_change_is_seen_soon_after_a_look_that_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [1000.0]
    costs = iter([2e-6, 0.02])

    def compared(listings: Listings) -> ScanResult:
        moments[0] += next(costs, 2e-6)
        return compare_times(listings)

    make_wheel(tmp_path, "sound")
    os.utime(tmp_path, (1_700_000_000, 1_700_000_000))

    async def run() -> None:
        workers = Workers(1)
        watch = FolderWatch([tmp_path], FolderContents([tmp_path]), FolderStorage(tmp_path), workers)
        await watch.rescan()
        monkeypatch.setattr(module, "compare_times", compared)
        set_monotonic(monkeypatch, lambda: moments[0], module, looks)
        for _ in range(2):
            assert watch.is_current()
            moments[0] += 0.001
        make_wheel(tmp_path, "later")
        assert not watch.is_current()
        monkeypatch.undo()
        workers.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "reason"), [(OSError(5, "Input/output error"), "Input/output error"), (OSError("no mark"), "no mark")]
)
def test_the_reason_of_a_loss_is_the_systems_or_our_own(tmp_path: Path, error: OSError, reason: str) -> None:
    workers = Workers(1)
    watch = FolderWatch([tmp_path], FolderContents([tmp_path]), FolderStorage(tmp_path), workers)
    watch.lose(error)
    assert watch.unavailable_reason == reason
    workers.close()
