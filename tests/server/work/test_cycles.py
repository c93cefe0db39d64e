"""Dead objects in cycles are collected in quiet moments, and not while requests are answered."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from publisher.server.work.cycles import LONGEST_WAIT, MANY, NEVER, PYTHONS, CycleCollector, take_over


class Cycle:
    """An object that only a look through all objects can remove."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _collector_of_an_index() -> Iterator[None]:
    before = gc.get_threshold()
    take_over()
    gc.collect()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def _old_garbage(looks: int = MANY) -> "weakref.ref[Cycle]":
    """Return a dead object that has grown old, after so many looks through younger ones."""
    alive = Cycle()
    for _ in range(looks):
        gc.collect(1)
    return weakref.ref(alive)


def test_old_garbage_waits_while_requests_come() -> None:
    collector = CycleCollector(few=0)
    garbage = _old_garbage()
    for second in range(10):
        collector.look(second, answered=second + 1, is_busy=False)
    assert garbage() is not None


def test_old_garbage_waits_while_a_request_takes_long() -> None:
    collector = CycleCollector(few=0)
    garbage = _old_garbage()
    collector.look(1, answered=0, is_busy=True)
    assert garbage() is not None


def test_old_garbage_goes_in_the_first_quiet_second() -> None:
    collector = CycleCollector(few=0)
    garbage = _old_garbage()
    collector.look(1, answered=5, is_busy=False)
    assert garbage() is not None
    collector.look(2, answered=5, is_busy=False)
    assert garbage() is None


def test_little_garbage_is_not_worth_a_look() -> None:
    collector = CycleCollector(few=0)
    garbage = _old_garbage(MANY - 1)
    collector.look(1, answered=0, is_busy=False)
    assert garbage() is not None


@pytest.mark.parametrize(("seconds", "remains"), [(LONGEST_WAIT - 1, True), (LONGEST_WAIT, False)])
def test_an_index_that_is_never_quiet_collects_after_ten_minutes(seconds: float, *, remains: bool) -> None:
    collector = CycleCollector(few=0)
    garbage = _old_garbage()
    collector.look(100, answered=1, is_busy=True)
    collector.look(100 + seconds, answered=2, is_busy=True)
    assert (garbage() is not None) is remains


def test_the_ten_minutes_begin_again_after_each_look() -> None:
    collector = CycleCollector(few=0)
    _old_garbage()
    collector.look(0, answered=1, is_busy=True)
    collector.look(LONGEST_WAIT, answered=2, is_busy=True)
    garbage = _old_garbage()
    collector.look(LONGEST_WAIT + 1, answered=3, is_busy=True)
    collector.look(2 * LONGEST_WAIT, answered=4, is_busy=True)
    assert garbage() is not None
    collector.look(2 * LONGEST_WAIT + 1, answered=5, is_busy=True)
    assert garbage() is None


def test_objects_of_the_start_are_not_looked_through_again() -> None:
    lasting = [Cycle() for _ in range(100)]
    CycleCollector(few=0).begin()
    assert not any(each in lasting for each in gc.get_objects() if isinstance(each, Cycle))


def test_python_does_not_look_through_everything_by_itself() -> None:
    garbage = _old_garbage()
    kept = [Cycle() for _ in range(100_000)]
    assert garbage() is not None
    assert len(kept) == 100_000


def test_python_looks_by_itself_while_there_are_few_objects() -> None:
    CycleCollector(few=10**9).look(1, answered=1, is_busy=True)
    assert gc.get_threshold() == PYTHONS
    CycleCollector(few=0).look(2, answered=2, is_busy=True)
    assert gc.get_threshold()[2] == NEVER


def test_garbage_of_the_start_is_not_kept_for_ever() -> None:
    garbage = _old_garbage()
    CycleCollector().begin()
    assert garbage() is None
