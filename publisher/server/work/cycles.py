"""When Python looks through all objects for cycles of dead ones: many of them in quiet moments, as all threads stop."""

import gc

PYTHONS = 700, 10, 10
"""Python's own thresholds: it looks through everything by itself."""

YOUNG, MIDDLE, NEVER = 1_000, 5, 2**31 - 1
"""
Thresholds instead: new objects after which Python looks through them, which takes a fraction of a millisecond; such
looks after which it looks through their survivors too, a few milliseconds; those looks after which through everything.
"""

MANY = 40
"""Looks through survivors, of some 200,000 new objects, after which it is worth looking through everything."""

FEW = 150_000
"""Objects that Python looks through in up to 80 ms, so that it may do so by itself, and dead ones never add up."""

LONGEST_WAIT = 600.0
"""Seconds for which a busy index waits for a quiet moment."""


def take_over() -> None:
    """Keep Python from looking through all objects by itself."""
    gc.set_threshold(YOUNG, MIDDLE, NEVER)


class CycleCollector:
    """
    Looks through many objects when no request came for a while: 160 ms for the 300,000 of a project with 10,000 files.

    Left to itself, Python does so whenever pages are made, in any thread, and every request waits.
    """

    def __init__(self, few: int = FEW) -> None:
        self._few = few
        self._answered = 0
        self._due_since: float | None = None

    def begin(self) -> None:
        """Collect what the start left, and leave out everything else, needed until the end, from all later looks."""
        gc.collect()
        gc.freeze()

    def look(self, now: float, answered: int, *, is_busy: bool) -> None:
        """Collect if it is worth it, and nothing was answered since the last call; ``now`` is in seconds."""
        is_quiet = not is_busy and answered == self._answered
        self._answered = answered
        if len(gc.get_objects(generation=2)) <= self._few:
            gc.set_threshold(*PYTHONS)
            self._due_since = None
            return
        take_over()
        if gc.get_count()[2] < MANY:
            self._due_since = None
            return
        if self._due_since is None:
            self._due_since = now
        if is_quiet or now - self._due_since >= LONGEST_WAIT:
            gc.collect()
            self._due_since = None
