"""Answers to requests that come again: given again while everything that they rest on still holds."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

from publisher.server.http.messages import Response

LONGEST_KEPT = 5.0
"""Seconds after which the next answer displaces all older ones, so that they don't hold the memory of old pages."""

LARGEST_KEPT = 2**16
"""Bytes of the largest answer: sending a larger one takes so long that little is gained."""

_ITEM = 2000
"""Bytes that an answer takes in memory besides its body."""


class Remembered(NamedTuple):
    """An answer from memory."""

    response: Response
    is_right: Callable[[], bool] | None = None
    """Checks whether the same request would still get this answer; None for an answer to one request alone."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """An answer that may be given again while two proofs hold: its sender may read it, and it is still right."""

    response: Response
    may_read: Callable[[], bool]
    is_right: Callable[[], bool]
    log_line: str
    """The part of its line in the access log that is the same each time."""


class Repeats:
    """The answers of the last seconds, by all that a request's answer depends on."""

    def __init__(self, limit: int) -> None:
        """Keep up to ``limit`` bytes."""
        self._limit = limit
        self._size = 0
        self._since = float("-inf")
        self._kept: dict[Hashable, Repeat] = {}

    def recall(self, key: Hashable) -> Repeat | None:
        """Return the answer to the same request if it is proven to be still right."""
        found = self._kept.get(key)
        return found if found is not None and found.may_read() and found.is_right() else None

    def keep(self, key: Hashable, repeat: Repeat) -> None:
        """Keep an answer for a while; let all others go where there is no room for it, or where the first is old."""
        size = len(repeat.response.body) + _ITEM
        if size > min(LARGEST_KEPT, self._limit):
            return
        now = time.monotonic()
        if now - self._since > LONGEST_KEPT or self._size + size > self._limit:
            self._kept.clear()
            self._size, self._since = 0, now
        self._kept[key] = repeat
        self._size += size
