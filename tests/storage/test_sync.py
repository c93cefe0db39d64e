"""Commits and reloads of a shared volume: alone with the folder, shared by those who ask, never lost."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext

import pytest

from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.sync import VolumeSync


class Volume(Storage):
    """A volume that counts, takes a moment, and fails when told to."""

    shared = True

    def __init__(self) -> None:
        self.commits = self.reloads = 0
        self.busy = asyncio.Event()
        self.fails = False
        self.takes = 0.02

    async def commit(self) -> None:
        await self._work()
        self.commits += 1

    async def reload(self) -> None:
        await self._work()
        self.reloads += 1

    def lock(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def _work(self) -> None:
        assert not self.busy.is_set()
        self.busy.set()
        await asyncio.sleep(self.takes)
        self.busy.clear()
        if self.fails:
            raise RuntimeError("made up")


def _sync(volume: Storage, patience: float = 5.0) -> VolumeSync:
    return VolumeSync(volume, patience=patience, interval=60, between_reloads=0.0)


def test_nobody_looks_while_it_works_and_it_waits_for_those_who_do() -> None:
    async def run() -> None:
        volume = Volume()
        sync = _sync(volume)

        async def look() -> None:
            async with sync.reading():
                for _ in range(3):
                    assert not volume.busy.is_set()
                    await asyncio.sleep(0.001)

        work = [sync.reload() if n % 3 else sync.commit() for n in range(9)]
        await asyncio.gather(*(look() for _ in range(50)), *work, *(look() for _ in range(50)))

    asyncio.run(run())


def test_those_who_ask_at_a_time_share_one_run_that_begins_after_they_asked() -> None:
    async def run() -> tuple[int, int]:
        volume = Volume()
        sync = _sync(volume)
        first = asyncio.create_task(sync.commit())
        await volume.busy.wait()
        await asyncio.gather(*(sync.commit() for _ in range(20)))
        assert first.done()
        await asyncio.gather(*(sync.on_miss() for _ in range(20)))
        return volume.commits, volume.reloads

    assert asyncio.run(run()) == (2, 1)


def test_a_failed_commit_is_told_to_everybody_who_waited_for_it() -> None:
    async def run() -> None:
        volume = Volume()
        volume.fails = True
        sync = _sync(volume)
        found = await asyncio.gather(sync.commit(), sync.commit(), return_exceptions=True)
        assert [type(each) for each in found] == [RuntimeError, RuntimeError]
        assert not await sync.reload()
        volume.fails = False
        await sync.commit()
        assert await sync.reload()

    asyncio.run(run())


def test_who_waits_too_long_is_told_to_come_again() -> None:
    async def run() -> None:
        volume = Volume()
        volume.takes = 0.3
        sync = _sync(volume, patience=0.05)
        reloading = asyncio.create_task(sync.reload())
        await volume.busy.wait()
        with pytest.raises(StorageUnavailableError):
            async with sync.reading():
                pass
        assert await reloading

    asyncio.run(run())


def test_a_reload_gives_up_on_somebody_who_looks_for_long() -> None:
    async def run() -> None:
        volume = Volume()
        sync = _sync(volume, patience=0.05)
        async with sync.reading():
            assert not await sync.reload()
        assert volume.reloads == 0
        assert await sync.reload()

    asyncio.run(run())
