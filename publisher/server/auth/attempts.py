"""Attempts at passwords: one at a time for one user from one address, each failure answered later than the last."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from publisher.server.work.turns import BusyError

PATIENCE = 10.0
"""Seconds that an attempt waits for the one before it, or for a thread that hashes."""

FIRST_DELAY, LONGEST_DELAY = 0.1, 3.0
"""Seconds that the first and the worst failed attempts of a user from an address are answered late."""

FORGIVEN_AFTER = 300.0
"""Seconds after which failed attempts are forgotten."""

LANES = 4096
"""How many pairs of user and address are remembered at a time."""

WAITING_IN_A_LANE = 64


@dataclass
class _Lane:
    """The attempts for one user from one address."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    failures: int = 0
    last: float = 0.0


class Attempts:
    """Keeps attempts in their lanes; a lane is a user and an address, or an address alone for admin tokens."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lanes: OrderedDict[tuple[str, str], _Lane] = OrderedDict()

    @asynccontextmanager
    async def one_at_a_time(self, lane: tuple[str, str]) -> AsyncIterator[None]:
        """Hold the lane; raise BusyError where those before take too long."""
        found = self._lane(lane)
        if found.waiting >= WAITING_IN_A_LANE:
            raise _too_many(found)
        found.waiting += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await found.turn.acquire()
        except TimeoutError:
            raise _too_many(found) from None
        finally:
            found.waiting -= 1
        try:
            yield
        finally:
            found.turn.release()

    def failed(self, lane: tuple[str, str]) -> float:
        """Count a failed attempt and return how many seconds late it is to be answered."""
        found = self._lane(lane)
        now = self._now()
        if now - found.last > FORGIVEN_AFTER:
            found.failures = 0
        found.failures += 1
        found.last = now
        return float(min(FIRST_DELAY * 2 ** min(found.failures - 1, 10), LONGEST_DELAY))

    def succeeded(self, lane: tuple[str, str]) -> None:
        """Forgive the failed attempts of a lane."""
        if lane in self._lanes:
            self._lanes[lane].failures = 0

    def failures(self, lane: tuple[str, str]) -> int:
        """Return how many failed attempts are held against a lane."""
        return self._lanes[lane].failures if lane in self._lanes else 0

    def _lane(self, key: tuple[str, str]) -> _Lane:
        found = self._lanes.setdefault(key, _Lane())
        self._lanes.move_to_end(key)
        if len(self._lanes) > LANES:
            for old, lane in list(self._lanes.items())[: len(self._lanes) - LANES]:
                if not lane.waiting and not lane.turn.locked():
                    del self._lanes[old]
        return found


def _too_many(lane: _Lane) -> BusyError:
    seconds = min(FIRST_DELAY * 2 ** min(lane.failures, 10), LONGEST_DELAY)
    return BusyError("Too many attempts to log in are waiting; try again in a moment.", max(1, round(seconds * 2)))
