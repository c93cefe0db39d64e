"""Threads for blocking work: their number, their names, their priority, and their end."""

import asyncio
import os
import sys
import threading

import pytest

from publisher.server.work.workers import Workers


def test_work_is_done_in_a_named_thread_and_its_result_returned() -> None:
    workers = Workers(1, "acme")
    name = asyncio.run(workers.run(lambda: threading.current_thread().name))
    assert name.startswith("acme")
    assert asyncio.run(Workers(1).run(lambda: threading.current_thread().name)).startswith("store")
    workers.close()


def test_a_failure_of_the_work_is_raised() -> None:
    workers = Workers(1)

    def fail() -> None:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        asyncio.run(workers.run(fail))
    workers.close()


@pytest.mark.parametrize(("cores", "threads"), [(None, 5), (1, 5), (4, 8), (64, 8)])
def test_the_number_of_threads_follows_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, threads: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    workers = Workers()
    together = threading.Barrier(threads + 1)
    more = [workers.pool.submit(together.wait, 20) for _ in range(threads + 1)]
    assert not together.broken
    together.wait(20)  # all threads are in it at once, and the rest of the work waits
    assert sum(not each.done() for each in more[threads:]) == 1
    together.abort()
    workers.close()


def test_work_that_waits_is_dropped_at_the_end_and_none_is_taken_any_more() -> None:
    workers = Workers(1)
    begun, end = threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        end.wait(20)

    running = workers.pool.submit(first)
    waiting = workers.pool.submit(first)
    assert begun.wait(20)
    workers.close()
    assert waiting.cancelled()
    end.set()
    running.result(20)
    with pytest.raises(RuntimeError):
        workers.pool.submit(first)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
@pytest.mark.parametrize("give_way", [True, False])
def test_threads_that_give_way_have_a_low_priority_and_the_others_have_not(*, give_way: bool) -> None:
    workers = Workers(1, give_way=give_way)
    before = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)

    def look() -> tuple[int, int]:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), os.sched_getscheduler(0)

    found = asyncio.run(workers.run(look))
    assert found == ((max(before[0], 10), os.SCHED_BATCH) if give_way else before)
    assert (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)) == before
    workers.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_a_sandbox_that_forbids_priorities_does_not_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", forbid)
    workers = Workers(1, give_way=True)
    assert asyncio.run(workers.run(lambda: 1)) == 1
    workers.close()
