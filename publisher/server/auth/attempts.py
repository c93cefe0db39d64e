"""Attempts at passwords: one at a time for one user from one address, each failure answered later than the last."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from publisher.limits import LIMITS, Limits
from publisher.server.work.turns import BusyError


@dataclass
class _Lane:
    """The attempts for one user from one address."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    failures: int = 0
    last: float = 0.0


class Attempts:
    """Keeps attempts in their lanes; a lane is a user and an address, or an address alone for admin tokens."""

    def __init__(self, limits: Limits = LIMITS, now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._now = now
        self._lanes: OrderedDict[tuple[str, str], _Lane] = OrderedDict()

    @asynccontextmanager
    async def one_at_a_time(self, lane: tuple[str, str]) -> AsyncIterator[None]:
        """Hold the lane; raise BusyError where those before take too long."""
        found = self._lane(lane)
        if found.waiting >= self._limits.waiting_in_a_lane:
            raise self._too_many(found)
        found.waiting += 1
        try:
            async with asyncio.timeout(self._limits.login_patience):
                await found.turn.acquire()
        except TimeoutError:
            raise self._too_many(found) from None
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
        if now - found.last > self._limits.forgiven_after:
            found.failures = 0
        found.failures += 1
        found.last = now
        return self._delay(found.failures - 1)

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
        if len(self._lanes) > self._limits.lanes:
            for old, lane in list(self._lanes.items())[: len(self._lanes) - self._limits.lanes]:
                if not lane.waiting and not lane.turn.locked():
                    del self._lanes[old]
        return found

    def _delay(self, failures: int) -> float:
        return float(min(self._limits.first_delay * 2 ** min(failures, 10), self._limits.longest_delay))

    def _too_many(self, lane: _Lane) -> BusyError:
        again = max(1, round(self._delay(lane.failures) * 2))
        return BusyError("Too many attempts to log in are waiting; try again in a moment.", again)
