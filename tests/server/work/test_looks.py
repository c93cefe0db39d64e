"""Times of looks: a share of the time, and never long for a single look that was interrupted."""

import pytest

from publisher.server.work import looks
from publisher.server.work.looks import LOOK_SHARE, LookTimes
from tests.helpers.clock import set_monotonic

INTERRUPTED = 0.02


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def look(self, times: LookTimes, cost: float) -> float:
        """Return the seconds until the next look after one that took so long."""
        began = self.now
        self.now += cost
        return times.next(began) - self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    set_monotonic(monkeypatch, lambda: clock.now, looks)
    return clock


@pytest.mark.parametrize("cost", [2e-6, 1e-3])
def test_looks_take_a_share_of_the_time(clock: Clock, cost: float) -> None:
    times = LookTimes()
    assert [clock.look(times, cost) for _ in range(5)] == pytest.approx([LOOK_SHARE * cost] * 5, rel=1e-3)


def test_a_look_that_was_interrupted_does_not_put_off_the_next(clock: Clock) -> None:
    times = LookTimes()
    clock.look(times, 2e-6)
    assert clock.look(times, INTERRUPTED) < 2 * LOOK_SHARE * 2e-6
    assert clock.look(times, INTERRUPTED) < 2 * LOOK_SHARE * 2e-6


def test_looks_that_have_become_costly_are_made_less_often(clock: Clock) -> None:
    times = LookTimes()
    clock.look(times, 2e-6)
    assert max(clock.look(times, 1e-3) for _ in range(5)) == pytest.approx(LOOK_SHARE * 1e-3)
