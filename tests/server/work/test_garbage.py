"""Garbage is collected in quiet moments, and not while requests are answered."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from publisher.server.work.garbage import (
    ENOUGH,
    LONGEST_WAIT,
    CollectionSchedule,
    stop_full_collections,
)


class Cycle:
    """An object that refers to itself, so that only a garbage collection removes it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _thresholds_of_an_index() -> Iterator[None]:
    before = gc.get_threshold()
    stop_full_collections()
    gc.collect()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def _old_garbage(collections: int = ENOUGH) -> "weakref.ref[Cycle]":
    """Return garbage that has survived a number of partial collections."""
    alive = Cycle()
    for _ in range(collections):
        gc.collect(1)
    return weakref.ref(alive)


def test_old_garbage_waits_while_requests_come() -> None:
    schedule = CollectionSchedule()
    garbage = _old_garbage()
    for second in range(10):
        schedule.check(second, answered=second + 1, is_busy=False)
    assert garbage() is not None


def test_old_garbage_waits_while_a_request_takes_long() -> None:
    schedule = CollectionSchedule()
    garbage = _old_garbage()
    schedule.check(1, answered=0, is_busy=True)
    assert garbage() is not None


def test_old_garbage_goes_in_the_first_quiet_second() -> None:
    schedule = CollectionSchedule()
    garbage = _old_garbage()
    schedule.check(1, answered=5, is_busy=False)
    assert garbage() is not None
    schedule.check(2, answered=5, is_busy=False)
    assert garbage() is None


def test_little_garbage_is_not_worth_a_full_collection() -> None:
    schedule = CollectionSchedule()
    garbage = _old_garbage(ENOUGH - 1)
    schedule.check(1, answered=0, is_busy=False)
    assert garbage() is not None


@pytest.mark.parametrize(("seconds", "remains"), [(LONGEST_WAIT - 1, True), (LONGEST_WAIT, False)])
def test_an_index_that_is_never_quiet_collects_after_ten_minutes(seconds: float, *, remains: bool) -> None:
    schedule = CollectionSchedule()
    garbage = _old_garbage()
    schedule.check(100, answered=1, is_busy=True)
    schedule.check(100 + seconds, answered=2, is_busy=True)
    assert (garbage() is not None) is remains


def test_the_ten_minutes_begin_again_after_each_collection() -> None:
    schedule = CollectionSchedule()
    _old_garbage()
    schedule.check(0, answered=1, is_busy=True)
    schedule.check(LONGEST_WAIT, answered=2, is_busy=True)
    garbage = _old_garbage()
    schedule.check(LONGEST_WAIT + 1, answered=3, is_busy=True)
    schedule.check(2 * LONGEST_WAIT, answered=4, is_busy=True)
    assert garbage() is not None
    schedule.check(2 * LONGEST_WAIT + 1, answered=5, is_busy=True)
    assert garbage() is None


def test_objects_of_the_start_are_exempt() -> None:
    lasting = [Cycle() for _ in range(100)]
    CollectionSchedule().begin()
    assert not any(each in lasting for each in gc.get_objects() if isinstance(each, Cycle))


def test_python_runs_no_full_collection_by_itself() -> None:
    garbage = _old_garbage()
    kept = [Cycle() for _ in range(100_000)]
    assert garbage() is not None
    assert len(kept) == 100_000


def test_garbage_of_the_start_is_not_kept_for_ever() -> None:
    garbage = _old_garbage()
    CollectionSchedule().begin()
    assert garbage() is None
