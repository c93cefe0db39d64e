"""Schedule of full garbage collections, which stop every thread: they run in quiet moments."""

import gc

PARTIAL_THRESHOLDS = 1_000, 5, 2**31 - 1
"""Collections of new objects and of their survivors, which take a few milliseconds; never a full one."""

ENOUGH = 40
"""Partial collections, of some 200,000 new objects, after which a full one is worthwhile."""

LONGEST_WAIT = 600.0
"""Seconds that a busy index waits for a quiet moment."""


def stop_full_collections() -> None:
    """Leave full collections to `CollectionSchedule`."""
    gc.set_threshold(*PARTIAL_THRESHOLDS)


class CollectionSchedule:
    """
    Schedule for one process: a full collection runs only while no requests come in.

    A project with 10,000 files has 300,000 objects, and a full collection of them takes 160 ms. By default, Python runs
    one whenever pages are rendered, and every request waits for it. Requests that succeed leave no garbage for it.
    """

    def __init__(self) -> None:
        self._answered = 0
        self._due_since: float | None = None

    def begin(self) -> None:
        """Collect the garbage of the start, and exempt everything else from later collections."""
        gc.collect()
        gc.freeze()

    def check(self, now: float, answered: int, *, is_busy: bool) -> None:
        """
        Run a full collection if one is due and nothing was answered since the last call.

        ``now`` is a monotonic time in seconds, ``answered`` the number of requests so far.
        """
        is_quiet = not is_busy and answered == self._answered
        self._answered = answered
        if gc.get_count()[2] < ENOUGH:
            self._due_since = None
            return
        if self._due_since is None:
            self._due_since = now
        if is_quiet or now - self._due_since >= LONGEST_WAIT:
            gc.collect()
            self._due_since = None
