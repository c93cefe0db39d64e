"""Answers from memory that are reused for equal requests while they are proven to be up to date."""

import time
from collections.abc import Callable, Hashable
from typing import NamedTuple

from publisher.server.http.messages import Response

LONGEST_KEPT = 5.0
"""Seconds after which the next answer displaces all older ones, so that they don't hold the memory of old pages."""

LARGEST_KEPT = 2**16
"""Bytes of the largest answer: a larger one takes so long to send that reusing it saves little."""

_ITEM = 2000
"""Bytes that an answer takes in memory besides its body."""


class Remembered(NamedTuple):
    """An answer from memory."""

    response: Response
    is_right: Callable[[], bool] | None = None
    """Checks whether an equal request would get this answer, too; None for an answer that can't be reused."""


class Repeat(NamedTuple):
    """An answer that can be reused while both checks pass: the sender may read it, and it is up to date."""

    response: Response
    may_read: Callable[[], bool]
    is_right: Callable[[], bool]
    log_line: str
    """The part of its access log line that never changes."""


class Repeats:
    """Answers of the last few seconds, by keys that include everything an answer depends on."""

    def __init__(self, limit: int) -> None:
        """Keep up to ``limit`` bytes."""
        self._limit = limit
        self._size = 0
        self._since = float("-inf")
        self._kept: dict[Hashable, Repeat] = {}

    def recall(self, key: Hashable) -> Repeat | None:
        """Return the answer to an equal request if both of its checks pass."""
        found = self._kept.get(key)
        return found if found is not None and found.may_read() and found.is_right() else None

    def keep(self, key: Hashable, repeat: Repeat) -> None:
        """Keep an answer; drop all others first if they leave no room for it, or if the oldest has expired."""
        size = len(repeat.response.body) + _ITEM
        if size > min(LARGEST_KEPT, self._limit):
            return
        now = time.monotonic()
        if now - self._since > LONGEST_KEPT or self._size + size > self._limit:
            self._kept.clear()
            self._size, self._since = 0, now
        self._kept[key] = repeat
        self._size += size
