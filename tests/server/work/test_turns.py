"""Turns are bounded, and shared among those who ask."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from publisher.server.work.turns import BusyError, FairTurns


class Jobs:
    """Starts jobs that hold their turns until a test ends them, and lists which have begun."""

    def __init__(self, turns: FairTurns) -> None:
        self.turns = turns
        self.begun: list[str] = []
        self._ends: dict[int, asyncio.Event] = {}
        self._keys: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self, *keys: str) -> None:
        for key in keys:
            end = asyncio.Event()

            async def job(key: str = key, end: asyncio.Event = end) -> None:
                async with self.turns.turn(key):
                    self.begun.append(key)
                    self._ends[len(self.begun) - 1] = end
                    await end.wait()

            self.tasks.append(asyncio.create_task(job()))
            await asyncio.sleep(0)

    async def end(self, number: int) -> None:
        self._ends[number].set()
        for _ in range(4):
            await asyncio.sleep(0)


def running(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def test_one_with_many_jobs_delays_another_by_one() -> None:
    async def work() -> None:
        jobs = Jobs(FairTurns("jobs", running=1, waiting=10, patience=30))
        await jobs.start("a", "a", "a", "a", "b", "c")
        for number in range(6):
            await jobs.end(number)
        assert jobs.begun == ["a", "a", "b", "c", "a", "a"]

    running(work)


def test_one_key_holds_no_more_than_its_share() -> None:
    async def work() -> None:
        jobs = Jobs(FairTurns("jobs", running=4, each=2, waiting=10, patience=30))
        await jobs.start("a", "a", "a", "b")
        assert jobs.begun == ["a", "a", "b"]
        await jobs.end(2)
        assert jobs.begun == ["a", "a", "b"]
        await jobs.end(0)
        assert jobs.begun == ["a", "a", "b", "a"]
        await jobs.end(1)
        await jobs.end(3)
        await asyncio.gather(*jobs.tasks)

    running(work)


def test_a_full_queue_refuses_those_who_fill_it_and_takes_a_newcomer() -> None:
    async def work() -> None:
        turns = FairTurns("jobs", running=1, waiting=4, patience=30)
        jobs = Jobs(turns)
        await jobs.start("a", *"aaaa")
        with pytest.raises(BusyError, match="too many jobs"):
            async with turns.turn("a"):
                raise AssertionError
        await jobs.start("b")
        await jobs.end(0)
        await jobs.end(1)
        assert "b" in jobs.begun
        for task in jobs.tasks:
            task.cancel()
        await asyncio.gather(*jobs.tasks, return_exceptions=True)
        assert turns.waiting == 0

    running(work)


@pytest.mark.parametrize(
    ("queued", "key", "is_taken"),
    [
        ("aaaaaaa", "a", True),
        ("aaaaaaaa", "a", False),
        ("aaaaaaaa", "b", True),
        ("aaaaaaab", "b", True),
        ("aaaaaabb", "b", False),
        ("aaaabbbb", "c", True),
        ("aaaabbbbc", "c", False),
        ("abcdeabc", "d", False),
        ("abcdeabc", "f", True),
    ],
)
def test_who_has_less_than_half_of_its_share_finds_a_place_in_a_full_queue(
    queued: str, key: str, *, is_taken: bool
) -> None:
    async def work() -> None:
        jobs = Jobs(FairTurns("jobs", running=1, waiting=8, patience=30))
        await jobs.start("held", *queued, key)
        assert jobs.turns.waiting == len(queued) + is_taken
        assert jobs.tasks[-1].done() is not is_taken
        for task in jobs.tasks:
            task.cancel()
        found = await asyncio.gather(*jobs.tasks, return_exceptions=True)
        assert isinstance(found[-1], BusyError) is not is_taken

    running(work)


def test_many_newcomers_are_refused_at_last() -> None:
    async def work() -> None:
        turns = FairTurns("jobs", running=1, waiting=4, patience=30)
        jobs = Jobs(turns)
        await jobs.start(*(f"{number}" for number in range(50)))
        refused = [task for task in jobs.tasks if task.done()]
        assert all(isinstance(task.exception(), BusyError) for task in refused)
        assert len(refused) == 50 - 1 - 8
        for task in jobs.tasks:
            task.cancel()
        await asyncio.gather(*jobs.tasks, return_exceptions=True)

    running(work)


def test_who_waits_too_long_is_refused_and_who_goes_away_gives_way() -> None:
    async def work() -> None:
        turns = FairTurns("jobs", running=1, waiting=4, patience=0.01)
        jobs = Jobs(turns)
        await jobs.start("a")
        with pytest.raises(BusyError):
            async with turns.turn("b"):
                raise AssertionError
        await jobs.start("c", "d")
        jobs.tasks[1].cancel()
        await jobs.end(0)
        assert jobs.begun == ["a", "d"]
        await jobs.end(1)
        async with turns.turn("e"):
            assert turns.waiting == 0

    running(work)
