"""Attempts at passwords: their lanes, the delays of failures, and who waits no longer."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from publisher.limits import LIMITS
from publisher.server.auth.attempts import Attempts
from publisher.server.siblings import counts
from publisher.server.siblings.files import SiblingFiles, sibling_files
from publisher.server.work.turns import BusyError

ADA, BOB, EVE = (("ada", "192.0.2.1"), ("bob", "192.0.2.1"), ("eve", "192.0.2.1"))
LIMIT = LIMITS.forgiven_after


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def attempts_with(clock: Clock | None = None, siblings: SiblingFiles | None = None, **limits: Any) -> Attempts:
    return Attempts(LIMITS._replace(**limits), clock or Clock(), siblings)


@pytest.fixture(params=["one process", "several processes"])
def siblings(request: pytest.FixtureRequest) -> Iterator[SiblingFiles | None]:
    """Return the files of several processes, or None."""
    if request.param == "one process":
        yield None
        return
    with sibling_files() as files:
        yield files


def test_each_failure_is_answered_later_than_the_last(siblings: SiblingFiles | None) -> None:
    attempts = attempts_with(siblings=siblings, first_delay=1, longest_delay=5)
    assert [attempts.failed(ADA) for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert (attempts.failures(ADA), attempts.failures(BOB)) == (5, 0)
    assert attempts.failed(BOB) == 1.0
    attempts.succeeded(ADA)
    assert (attempts.failures(ADA), attempts.failures(BOB)) == (0, 1)
    assert attempts.failed(ADA) == 1.0


def test_a_delay_is_no_more_than_a_thousand_times_the_first() -> None:
    attempts = attempts_with(first_delay=1, longest_delay=10**9)
    assert [attempts.failed(ADA) for _ in range(13)][-4:] == [512.0, 1024.0, 1024.0, 1024.0]


def test_failures_count_until_they_are_forgiven(siblings: SiblingFiles | None) -> None:
    clock = Clock()
    attempts = attempts_with(clock, siblings)
    attempts.failed(ADA)
    clock.now += LIMIT
    assert attempts.failures(ADA) == 1
    clock.now += 0.5
    assert attempts.failures(ADA) == 0
    attempts.failed(ADA)
    clock.now += LIMIT
    attempts.failed(ADA)
    clock.now += LIMIT
    assert attempts.failures(ADA) == 2, "the time begins with the last one"


def test_processes_count_together() -> None:
    with sibling_files() as files:
        one, other = attempts_with(siblings=files), attempts_with(siblings=files)
        one.failed(ADA)
        assert other.failed(ADA) == LIMITS.first_delay * 2
        one.succeeded(ADA)
        assert other.failures(ADA) == 0
    assert (attempts_with().failures(ADA), Attempts().failures(ADA)) == (0, 0)


def test_one_lane_is_held_by_one_attempt_and_others_run_beside_it(siblings: SiblingFiles | None) -> None:
    attempts = attempts_with(siblings=siblings)
    order: list[str] = []

    async def attempt(name: str, lane: tuple[str, str], going_on: asyncio.Event) -> None:
        async with attempts.one_at_a_time(lane):
            order.append(f"{name} begins")
            await going_on.wait()
            order.append(f"{name} ends")

    async def work() -> None:
        going_on = asyncio.Event()
        tasks = [asyncio.create_task(attempt(name, ADA, going_on)) for name in ("first", "second", "third")]
        await asyncio.sleep(0)
        free = asyncio.Event()
        free.set()
        await attempt("other", BOB, free)
        assert order == ["first begins", "other begins", "other ends"]
        going_on.set()
        await asyncio.gather(*tasks)

    asyncio.run(work())
    assert order[3:] == ["first ends", "second begins", "second ends", "third begins", "third ends"]


def test_a_lane_is_free_after_an_attempt_that_failed(siblings: SiblingFiles | None) -> None:
    attempts = attempts_with(siblings=siblings, login_patience=1.0)

    async def work() -> None:
        with pytest.raises(KeyError):
            async with attempts.one_at_a_time(ADA):
                raise KeyError
        async with attempts.one_at_a_time(ADA):
            pass

    asyncio.run(work())


async def _busy(attempts: Attempts) -> BusyError:
    with pytest.raises(BusyError) as caught:
        async with attempts.one_at_a_time(ADA):
            pytest.fail("the lane was not free")
    return caught.value


@pytest.mark.parametrize(("first_delay", "seconds"), [(0.1, 1), (3.0, 6)])
def test_a_client_that_is_sent_away_learns_when_to_come_again(first_delay: float, seconds: int) -> None:
    attempts = attempts_with(waiting_in_a_lane=0, first_delay=first_delay, longest_delay=100.0)
    assert asyncio.run(_busy(attempts)).retry_after == seconds


def test_as_many_as_the_bound_wait_in_a_lane() -> None:
    attempts = attempts_with(waiting_in_a_lane=2)

    async def wait() -> None:
        async with attempts.one_at_a_time(ADA):
            pass

    async def work() -> None:
        for _ in range(2):  # those before have left no trace
            async with attempts.one_at_a_time(ADA):
                waiting = [asyncio.create_task(wait()) for _ in range(2)]
                await asyncio.sleep(0)
                assert "Too many attempts" in (await _busy(attempts)).message
                async with attempts.one_at_a_time(BOB):
                    pass
            await asyncio.gather(*waiting)

    asyncio.run(work())


@pytest.mark.parametrize(("failures", "again"), [(0, 1), (2, 1), (4, 3), (5, 6), (9, 6)])
def test_who_waited_too_long_learns_when_to_try_again(failures: int, again: int) -> None:
    attempts = attempts_with(login_patience=0.001, waiting_in_a_lane=1)

    async def work() -> None:
        for _ in range(failures):
            attempts.failed(ADA)
        async with attempts.one_at_a_time(ADA):
            for _ in range(2):  # the first one waits no longer
                assert (await _busy(attempts)).retry_after == again
        async with attempts.one_at_a_time(ADA):
            pass

    asyncio.run(work())


def test_who_waits_for_another_process_leaves_the_lane_to_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    free = False
    monkeypatch.setattr(counts, "try_hold", lambda *_: free)

    async def work() -> None:
        nonlocal free
        await _busy(attempts)
        free = True
        async with attempts.one_at_a_time(ADA):
            pass

    with sibling_files() as files:
        attempts = attempts_with(siblings=files, login_patience=0.001)
        asyncio.run(work())


def test_a_turn_among_processes_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []

    def try_hold(_: int, place: int) -> bool:
        held.append(place)
        return True

    monkeypatch.setattr(counts, "try_hold", try_hold)
    monkeypatch.setattr(counts, "release", lambda _, place: held.remove(place))

    async def work() -> None:
        async with attempts.one_at_a_time(ADA), attempts.one_at_a_time(BOB):
            assert len(held) == 2
        assert held == []

    with sibling_files() as files:
        attempts = attempts_with(siblings=files)
        asyncio.run(work())


def test_of_too_many_lanes_those_that_were_used_longest_ago_are_forgotten() -> None:
    attempts = attempts_with(lanes=2)
    attempts.failed(ADA)
    attempts.failed(BOB)
    attempts.failed(ADA)
    attempts.failed(EVE)
    assert [attempts.failures(lane) for lane in (ADA, BOB, EVE)] == [2, 0, 1]


def test_a_lane_in_use_is_never_forgotten() -> None:
    attempts = attempts_with(lanes=1, login_patience=0.001)

    async def work() -> None:
        async with attempts.one_at_a_time(ADA):
            attempts.failed(ADA)
            attempts.failed(BOB)
            attempts.failed(EVE)
            assert [attempts.failures(lane) for lane in (ADA, BOB, EVE)] == [1, 0, 1]
            await _busy(attempts)
        attempts.failed(BOB)
        assert [attempts.failures(lane) for lane in (ADA, BOB, EVE)] == [0, 1, 0]

    asyncio.run(work())
