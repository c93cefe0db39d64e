"""Attempts at passwords: one at a time for one user from one address, each failure answered later than the last."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from publisher.limits import LIMITS, Limits
from publisher.server.siblings.counts import FailureCounts, Lane, SharedFailureCounts
from publisher.server.siblings.files import SiblingFiles
from publisher.server.work.turns import BusyError

_PAUSE = 0.02
"""Seconds between two looks whether another process has ended its attempt in a lane."""


@dataclass
class _Lane:
    """The attempts for one user from one address in this process."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    failures: int = 0
    last: float = 0.0


class Attempts:
    """
    Keeps attempts in their lanes, each of a user and an address, or of an address alone for admin tokens.

    The processes that serve one index together have the same lanes.
    """

    def __init__(
        self,
        limits: Limits = LIMITS,
        now: Callable[[], float] = time.monotonic,
        siblings: SiblingFiles | None = None,
    ) -> None:
        self._limits = limits
        self._now = now
        self._lanes: OrderedDict[Lane, _Lane] = OrderedDict()
        self._shared: FailureCounts | None = None
        if siblings is not None:
            self._shared = SharedFailureCounts(siblings, limits.forgiven_after, now)

    @asynccontextmanager
    async def one_at_a_time(self, lane: Lane) -> AsyncIterator[None]:
        """Hold the lane; raise BusyError where those before take too long."""
        found = self._lane(lane)
        if found.waiting >= self._limits.waiting_in_a_lane:
            raise self._too_many(lane)
        found.waiting += 1
        try:
            async with asyncio.timeout(self._limits.login_patience):
                await self._acquire(lane, found)
        except TimeoutError:
            raise self._too_many(lane) from None
        finally:
            found.waiting -= 1
        try:
            yield
        finally:
            if self._shared is not None:
                self._shared.release(lane)
            found.turn.release()

    async def _acquire(self, lane: Lane, found: _Lane) -> None:
        """Wait for the turn in this process, then for that among processes."""
        await found.turn.acquire()
        try:
            while self._shared is not None and not self._shared.try_hold(lane):  # noqa: ASYNC110 - a lock has no event
                await asyncio.sleep(_PAUSE)
        except BaseException:
            found.turn.release()
            raise

    def failed(self, lane: Lane) -> float:
        """Count a failed attempt and return the seconds by which to delay its answer."""
        failures = self.failures(lane) + 1
        self._note(lane, failures)
        return self._delay(failures - 1)

    def succeeded(self, lane: Lane) -> None:
        """Forgive the failed attempts of a lane."""
        if self.failures(lane):
            self._note(lane, 0)

    def failures(self, lane: Lane) -> int:
        """Return how many failed attempts are held against a lane."""
        if self._shared is not None:
            return self._shared.get(lane)
        found = self._lanes.get(lane)
        return found.failures if found is not None and self._now() - found.last <= self._limits.forgiven_after else 0

    def _note(self, lane: Lane, failures: int) -> None:
        if self._shared is not None:
            self._shared.set(lane, failures)
        else:
            found = self._lane(lane)
            found.failures, found.last = failures, self._now()

    def _lane(self, key: Lane) -> _Lane:
        found = self._lanes.setdefault(key, _Lane())
        self._lanes.move_to_end(key)
        if len(self._lanes) > self._limits.lanes:
            for old, lane in list(self._lanes.items())[: len(self._lanes) - self._limits.lanes]:
                if not lane.waiting and not lane.turn.locked():
                    del self._lanes[old]
        return found

    def _delay(self, failures: int) -> float:
        return float(min(self._limits.first_delay * 2 ** min(failures, 10), self._limits.longest_delay))

    def _too_many(self, lane: Lane) -> BusyError:
        again = max(1, round(self._delay(self.failures(lane)) * 2))
        return BusyError("Too many attempts to log in are waiting; try again in a moment.", again)
