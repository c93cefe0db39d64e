"""A folder that was lost stays lost until a scan that began afterwards finds it again."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from publisher.server.storage.folder import FolderStorage
from publisher.server.store.contents import FolderContents
from publisher.server.store.watch import FolderWatch
from publisher.server.work.workers import Workers
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
