"""Waits for programs, servers and people: reported when they take long, and ended at a limit."""

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock, Thread

SHOWN_AFTER = 2.0
"""Seconds until a wait is reported."""

_AGAIN_AFTER = 1.0
"""Seconds between calls of ``give_up`` while a wait goes on after its limit; a retry may have started a new one."""

Report = Callable[[str], None]
"""Receives the name of a slow program or server, from another thread; the command line prints it."""

_reports: list[Report] = []
_reported: set[str] = set()
_lock = Lock()


@contextmanager
def reporting_waits(report: Report) -> Iterator[None]:
    """Report every wait in the body that takes longer than SHOWN_AFTER."""
    _reports.append(report)
    try:
        yield
    finally:
        _reports.remove(report)


@contextmanager
def waiting_for(what: str, *, limit: float | None = None, give_up: Callable[[], None] | None = None) -> Iterator[None]:
    """
    Report that the body waits for something, unless it ends soon; threads that wait for the same are reported once.

    After ``limit`` seconds, and each second from then on, ``give_up`` is called from another thread; it has to make
    the body end.
    """
    is_reported = False

    def report() -> None:
        nonlocal is_reported
        with _lock:
            if what in _reported or not _reports:
                return
            _reported.add(what)
            is_reported = True
            tell = _reports[-1]  # before its block can end and remove it
        tell(what)

    def end() -> None:
        if give_up is not None:
            alarms.append(_alarms.set(_AGAIN_AFTER, end))
            give_up()

    alarms = [_alarms.set(SHOWN_AFTER, report)]
    if limit is not None:
        alarms.append(_alarms.set(limit, end))
    try:
        yield
    finally:
        for alarm in alarms:
            alarm.is_off = True
        with _lock:
            if is_reported:
                _reported.discard(what)


class _Alarm:
    """An action that may be switched off before it is due."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action
        self.is_off = False


class _Alarms:
    """Actions at a later time, all called by one thread: there is a wait for every request."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._pending: list[tuple[float, int, _Alarm]] = []
        """When each is due, and a number that orders those of one moment."""
        self._numbers = itertools.count()
        self._thread: Thread | None = None

    def set(self, seconds: float, action: Callable[[], None]) -> _Alarm:
        """Call an action in a number of seconds, unless its alarm is switched off before."""
        alarm = _Alarm(action)
        entry = time.monotonic() + seconds, next(self._numbers), alarm
        with self._changed:
            heapq.heappush(self._pending, entry)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="alarms", daemon=True)
                self._thread.start()
            elif self._pending[0] is entry:
                self._changed.notify()
        return alarm

    def _run(self) -> None:
        while True:
            alarm = self._next()
            if not alarm.is_off:
                alarm.action()

    def _next(self) -> _Alarm:
        """Return the first alarm when it is due."""
        with self._changed:
            while not self._pending or (left := self._pending[0][0] - time.monotonic()) > 0:
                self._changed.wait(left if self._pending else None)
            return heapq.heappop(self._pending)[-1]


_alarms = _Alarms()
