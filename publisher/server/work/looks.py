"""Looks at what other programs may have changed: they take a small share of the time, so most answers make none."""

import time
from collections import deque

LOOK_SHARE = 50
"""Looks of one kind take at most one part in this many of the time."""

_COMPARED = 4
"""Looks whose costs are compared."""


class LookTimes:
    """The times of looks of one kind, by what the last ones cost."""

    def __init__(self) -> None:
        self._costs: deque[float] = deque(maxlen=_COMPARED)

    def next(self, began: float) -> float:
        """Return the monotonic time of the next look, after one that began at such a time and ends now."""
        now = time.monotonic()
        self._costs.append(now - began)
        # the cheapest counts: one during which the system ran another program seems to take 20 ms instead of 2 µs, and
        # changes would go unseen for a second after it
        return now + LOOK_SHARE * min(self._costs)
