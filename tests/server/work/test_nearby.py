"""Threads that run on the event loop's processor while several of their steps overlap, and on any otherwise."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from publisher.limits import Limits
from publisher.server.work import nearby as module
from publisher.server.work.inspection import InspectionPool
from publisher.server.work.nearby import NearbyThreads, run_anywhere

ALL = os.sched_getaffinity(0) if sys.platform == "linux" else frozenset[int]()

several = pytest.mark.skipif(len(ALL) < 2, reason="threads share a processor only on Linux, on several processors")


def processors() -> set[int]:
    """Return the processors on which the calling thread may run."""
    return set(os.sched_getaffinity(0))


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    if ALL:
        os.sched_setaffinity(0, ALL)


def run(work: Callable[[NearbyThreads], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        threads = NearbyThreads()
        threads.tick()
        try:
            await work(threads)
        finally:
            threads.close()

    asyncio.run(whole())


async def overlap(threads: NearbyThreads, count: int = 5) -> None:
    """Run steps at a time, each in a thread of its own."""
    meeting = threading.Barrier(count)
    await asyncio.gather(*(threads.run(lambda: meeting.wait(30)) for _ in range(count)))


@contextmanager
def another_thread() -> Iterator[int]:
    """Start a thread, and yield its number."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    assert thread.native_id is not None
    try:
        yield thread.native_id
    finally:
        end.set()
        thread.join()


def test_a_step_has_a_result_or_a_failure() -> None:
    async def work(threads: NearbyThreads) -> None:
        assert await threads.run(lambda: 3) == 3
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)

    run(work)


@several
def test_threads_share_the_loops_processor_while_steps_overlap() -> None:
    async def work(threads: NearbyThreads) -> None:
        with another_thread() as other:
            await overlap(threads)
            threads.tick()
            (own,) = processors()
            assert await threads.run(processors) == {own}
            await overlap(threads, 8)  # threads that are new
            assert await asyncio.gather(*(threads.run(processors) for _ in range(8))) == [{own}] * 8
            assert set(os.sched_getaffinity(other)) == ALL
            threads.tick()
            assert processors() == {own}
            threads.tick()  # nothing has overlapped since
            assert processors() == ALL
            assert await threads.run(processors) == ALL

    run(work)


@several
@pytest.mark.parametrize(("count", "together"), [(4, False), (5, True)])
def test_few_steps_are_run_anywhere(count: int, *, together: bool) -> None:
    async def work(threads: NearbyThreads) -> None:
        for _ in range(20):
            await threads.run(lambda: None)  # one at a time
        await overlap(threads, count)
        threads.tick()
        assert (len(processors()) == 1) is together

    run(work)


@several
def test_the_system_may_choose_the_processor_anew_each_second() -> None:
    found = []

    async def work(threads: NearbyThreads) -> None:
        for _ in range(30):
            await overlap(threads)
            threads.tick()
            found.append(len(processors()) == 1)

    run(work)
    assert found == [*[True] * 8, False, False] * 3  # steps gather their threads again in the tenth after that


@several
def test_nothing_is_moved_by_a_server_that_does_not_tick() -> None:
    async def whole() -> None:
        threads = NearbyThreads()
        await overlap(threads, 8)
        assert processors() == ALL
        threads.close()

    asyncio.run(whole())


@several
def test_a_thread_that_was_started_meanwhile_is_let_go_too() -> None:
    async def work(threads: NearbyThreads) -> None:
        await overlap(threads)
        threads.tick()
        with another_thread() as other:
            assert set(os.sched_getaffinity(other)) == processors() != ALL
            threads.tick()
            assert set(os.sched_getaffinity(other)) == ALL

    run(work)


@several
def test_a_thread_that_runs_elsewhere_stays_there() -> None:
    async def work(threads: NearbyThreads) -> None:
        with another_thread() as other:
            await overlap(threads)
            threads.tick()
            elsewhere = {min(ALL - processors())}
            os.sched_setaffinity(other, elsewhere)
            threads.tick()
            assert processors() == ALL
            assert set(os.sched_getaffinity(other)) == elsewhere

    run(work)


@several
def test_the_end_lets_all_threads_go() -> None:
    async def work(threads: NearbyThreads) -> None:
        await overlap(threads)
        threads.tick()
        assert processors() != ALL

    run(work)
    assert processors() == ALL


@several
def test_processors_that_an_admin_has_taken_away_are_left_alone() -> None:
    async def work(threads: NearbyThreads) -> None:
        allowed = {min(ALL), max(ALL)}
        os.sched_setaffinity(0, allowed)
        await overlap(threads)
        threads.tick()
        assert len(processors()) == 1
        threads.tick()
        assert processors() == allowed

    run(work)


@pytest.mark.parametrize(
    ("own", "current"),
    [(frozenset(), 0), ({0}, 0), ({0, 1}, None), ({0, 1}, 7)],
    ids=["none", "one", "unknown", "other"],
)
def test_nothing_is_moved_where_that_makes_no_sense(
    monkeypatch: pytest.MonkeyPatch, own: set[int], current: int | None
) -> None:
    monkeypatch.setattr(module, "_own_processors", lambda *_: own)
    monkeypatch.setattr(module, "_current_processor", lambda: current)
    moved: list[object] = []
    monkeypatch.setattr(module, "_move", lambda *arguments: moved.append(arguments))

    async def work(threads: NearbyThreads) -> None:
        await overlap(threads)
        threads.tick()

    run(work)
    assert moved == []


@several
def test_a_thread_that_has_ended_stops_no_other() -> None:
    with another_thread() as ended:
        pass
    module._move([ended, threading.get_native_id()], {min(ALL)})
    assert processors() == {min(ALL)}


@several
def test_a_process_may_run_anywhere() -> None:
    os.sched_setaffinity(0, {min(ALL)})
    run_anywhere()
    code = "import os; print(len(os.sched_getaffinity(0)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(ALL)
    assert processors() == ALL


@several
def test_files_are_inspected_anywhere() -> None:
    async def inspect() -> set[int]:
        pool = InspectionPool(Limits())
        try:
            return await pool.run("ada", lambda _: processors())
        finally:
            pool.close()

    os.sched_setaffinity(0, {min(ALL)})
    assert asyncio.run(inspect()) == ALL
