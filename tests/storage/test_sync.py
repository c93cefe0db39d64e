"""Commits and reloads of a volume: alone with the folder, shared by those who ask, never lost."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.sync import VolumeSync

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Calls:
    """Commits and reloads that count, take a moment, and fail on request."""

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

    async def _work(self) -> None:
        assert not self.busy.is_set()
        self.busy.set()
        await asyncio.sleep(self.takes)
        self.busy.clear()
        if self.fails:
            raise RuntimeError("made up")


def _sync(calls: Calls, patience: float = 5.0) -> VolumeSync:
    return VolumeSync(calls.commit, calls.reload, patience=patience)


def test_no_reader_enters_while_it_works_and_it_waits_for_readers() -> None:
    async def run() -> None:
        calls = Calls()
        sync = _sync(calls)

        async def read() -> None:
            async with sync.reading():
                for _ in range(3):
                    assert not calls.busy.is_set()
                    await asyncio.sleep(0.001)

        work: list[Coroutine[Any, Any, None]] = [sync.reload() if n % 3 else sync.commit() for n in range(9)]
        await asyncio.gather(*(read() for _ in range(50)), *work, *(read() for _ in range(50)))

    asyncio.run(run())


def test_those_who_ask_at_a_time_share_one_run_that_begins_after_they_asked() -> None:
    async def run() -> tuple[int, int]:
        calls = Calls()
        sync = _sync(calls)
        first = asyncio.create_task(sync.commit())
        await calls.busy.wait()
        await asyncio.gather(*(sync.commit() for _ in range(20)))
        assert first.done()
        await asyncio.gather(*(sync.reload() for _ in range(20)))
        return calls.commits, calls.reloads

    assert asyncio.run(run()) == (2, 1)


def test_a_failed_commit_is_reported_to_everybody_who_waited_for_it() -> None:
    async def run() -> None:
        calls = Calls()
        calls.fails = True
        sync = _sync(calls)
        found = await asyncio.gather(sync.commit(), sync.commit(), return_exceptions=True)
        assert [type(each) for each in found] == [RuntimeError, RuntimeError]
        with pytest.raises(StorageUnavailableError):
            await sync.reload()
        calls.fails = False
        await sync.commit()
        await sync.reload()

    asyncio.run(run())


def test_a_reader_that_waits_too_long_is_asked_to_come_again() -> None:
    async def run() -> None:
        calls = Calls()
        calls.takes = 0.3
        sync = _sync(calls, patience=0.05)
        reloading = asyncio.create_task(sync.reload())
        await calls.busy.wait()
        with pytest.raises(StorageUnavailableError):
            async with sync.reading():
                pass
        await reloading

    asyncio.run(run())


def test_a_reload_gives_up_on_a_reader_that_takes_long() -> None:
    async def run() -> None:
        calls = Calls()
        sync = _sync(calls, patience=0.05)
        async with sync.reading():
            with pytest.raises(StorageUnavailableError):
                await sync.reload()
        assert calls.reloads == 0
        await sync.reload()

    asyncio.run(run())


def test_work_that_began_in_the_same_moment_is_done_again() -> None:
    async def run() -> int:
        runs = 0

        async def work() -> int:
            nonlocal runs
            runs += 1
            return runs

        coalesced = Coalesced(work)
        await coalesced()
        assert await coalesced(coalesced.began - 1) is None
        assert await coalesced(coalesced.began) == 2  # a clock may stand still between two changes
        return runs

    assert asyncio.run(run()) == 2


def test_work_is_idle_before_and_after_its_runs() -> None:
    async def run() -> list[bool]:
        may_end = asyncio.Event()
        work = Coalesced(may_end.wait)
        found = [work.is_idle]
        first = asyncio.create_task(work())
        await asyncio.sleep(0)
        found.append(work.is_idle)  # it is asked for
        for _ in range(3):
            await asyncio.sleep(0)
        found.append(work.is_idle)  # it is under way
        may_end.set()
        await first
        return [*found, work.is_idle]

    assert asyncio.run(run()) == [True, False, False, True]
