"""The supervisor of an index's workers: it forks them, starts another when one dies, and passes signals on."""

import gc
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import NamedTuple, NoReturn

from publisher.errors import ConfigurationError, PublishError
from publisher.server.http.log_writer import SupervisorLog
from publisher.server.terminal import ends_with_terminal, has_terminal
from publisher.server.worker import ReportedError, WorkerPipes, read_reports


class SupervisorTimes(NamedTuple):
    """
    Seconds between the ends of a worker and the next start, and that workers get to end.

    A worker that served for ``steady`` seconds is replaced at once, one that did not after ``pause``, which doubles
    each time: up to ``served_pause`` where it served at all, else up to ``longest_pause``.
    """

    steady: float = 10.0
    pause: float = 0.25
    served_pause: float = 2.0
    longest_pause: float = 30.0
    grace: float = 150.0


GIVEN_UP = 6
"""Starts in a row that fail while no other worker serves, after which the supervisor ends."""


@dataclass
class _Slot:
    """The place of one worker: its process, its pipe, and its state."""

    pid: int | None = None
    report: int = -1
    serves: bool = False
    began: float = 0.0
    due: float = 0.0
    """The monotonic time of the next start."""
    failures: int = 0
    error: ReportedError | None = None


class Supervisor:
    """
    Runs workers until a signal ends it; each is this process forked, and calls ``serve``.

    A forked worker has all modules at once, shares their memory, and begins in milliseconds. For
    that this process has one thread and no event loop.
    """

    def __init__(
        self,
        count: int,
        serve: Callable[[WorkerPipes], None],
        log: SupervisorLog,
        times: SupervisorTimes | None = None,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        self._serve = serve
        self._on_death = on_death
        self._log = log
        self._times = times or SupervisorTimes()
        self._slots = [_Slot() for _ in range(count)]
        self._all_served = False
        self._stopping_since: float | None = None
        self._failure: PublishError | None = None
        self._signals: list[int] = []
        self._woken, self._wake = os.pipe()
        self._lifeline, self._held = os.pipe()
        self._ends_with_terminal = False
        self._hangup: Callable[[int, FrameType | None], None] | signal.Handlers = _pass_over
        """A new worker's handler of SIGHUP: it has nothing to read again yet; `nohup` keeps workers, too."""
        self._is_worker = False

    def run(self, on_ready: Callable[[], None]) -> None:
        """
        Supervise until SIGINT or SIGTERM, and return when running requests are finished.

        Raises PublishError when a worker can't start: at the beginning, or again and again when no other serves.
        """
        if not hasattr(os, "fork"):
            raise ConfigurationError("This system can't fork.", hint="Remove --workers.")
        gc.collect()
        gc.freeze()  # the collector would write to the pages that are shared
        with self._taking_signals():
            while self._stopping_since is None or any(slot.pid is not None for slot in self._slots):
                self._start_due()
                self._wait()
                for slot in self._slots:
                    self._hear(slot)
                    self._reap(slot)
                if not self._all_served and all(slot.serves for slot in self._slots):
                    self._all_served = True
                    on_ready()
                self._obey()
                self._end_late()
        self._log.flush(patience=1.0)
        if self._failure is not None:
            raise self._failure

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.pid is None and slot.due <= now and self._stopping_since is None:
                self._start(slot)

    def _start(self, slot: _Slot) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, set(_HANDLED))
        pid = os.fork()
        if pid == 0:
            self._is_worker = True
            for each in (reading, self._woken, self._wake, self._held, *(s.report for s in self._slots if s.pid)):
                os.close(each)
            self._become_worker(WorkerPipes(writing, self._lifeline, is_first=slot is self._slots[0]), blocked)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(writing)
        slot.pid, slot.report, slot.serves, slot.error, slot.began = pid, reading, False, None, time.monotonic()

    def _become_worker(self, pipes: WorkerPipes, blocked: set[signal.Signals | int]) -> NoReturn:
        """Serve in the process that was just forked, and end it."""
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, self._hangup)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        code = 0
        try:
            self._serve(pipes)
        except PublishError as error:
            pipes.fails(error)
            code = error.exit_code
        except Exception as error:  # noqa: BLE001 - the supervisor reports it as the command does
            traceback.print_exc()
            reason = traceback.format_exception_only(error)[-1].strip()
            pipes.fails(PublishError(f"Unexpected failure: {reason}", hint="The log shows where; please report it."))
            code = PublishError.exit_code
        raise SystemExit(code)

    def _wait(self) -> None:
        """Wait for a signal, a report, or the next thing to do."""
        now = time.monotonic()
        rest = [slot.due - now for slot in self._slots if slot.pid is None]
        rest += [self._stopping_since + self._times.grace - now] if self._stopping_since is not None else []
        rest += [0.1] if not self._log.flush() else []
        reports = [slot.report for slot in self._slots if slot.pid is not None]
        ready, _, _ = select.select([self._woken, *reports], [], [], max(0.0, min([60.0, *rest])))
        if self._woken in ready:
            os.read(self._woken, 4096)

    def _hear(self, slot: _Slot) -> None:
        """Handle a worker's reports."""
        if slot.pid is None or not select.select([slot.report], [], [], 0)[0]:
            return
        for report in read_reports(slot.report):
            if isinstance(report, ReportedError):
                slot.error = report
            else:
                slot.serves, slot.began = True, time.monotonic()

    def _reap(self, slot: _Slot) -> None:
        """Take note of a worker that has ended."""
        if slot.pid is None:
            return
        pid, status = os.waitpid(slot.pid, os.WNOHANG)
        if not pid:
            return
        self._hear(slot)
        os.close(slot.report)
        served = slot.serves
        slot.pid, slot.serves = None, False
        if self._stopping_since is not None:
            return
        self._on_death()
        pause = self._pause(slot, served=served)
        slot.due = time.monotonic() + pause
        how = slot.error.message if slot.error is not None else _ending(status)
        alone = not any(each.serves for each in self._slots)
        if not self._all_served or (alone and not served and slot.failures >= GIVEN_UP):
            self._failure = slot.error or PublishError(
                f"A worker did not start: it {how}.", hint="Read the log; `--workers 1` may show more."
            )
            self._stop()
        else:
            what = f"a worker could not start: {how}" if slot.error is not None else f"worker {pid} {how}"
            self._log.write(f"{what}; another one starts {f'in {pause:.2g} s' if pause else 'at once'}")

    def _pause(self, slot: _Slot, *, served: bool) -> float:
        """Return the seconds until another worker is started, after counting that one has ended."""
        times = self._times
        if served and time.monotonic() - slot.began >= times.steady:
            slot.failures = 0
            return 0.0
        slot.failures += 1
        longest = times.served_pause if served else times.longest_pause
        return float(min(longest, times.pause * 2 ** (slot.failures - 1)))

    def _obey(self) -> None:
        """Handle signals."""
        asked, self._signals = self._signals, []
        for number in asked:
            if number in {signal.SIGINT, signal.SIGTERM}:
                if self._stopping_since is None:
                    self._stop()
                elif number == signal.SIGINT:  # a second one ends requests, too
                    self._pass_on(signal.SIGINT)
            elif number == getattr(signal, "SIGHUP", None):
                if self._ends_with_terminal and not has_terminal():
                    self._stop()
                else:
                    self._pass_on(signal.SIGHUP)

    def _stop(self) -> None:
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            self._pass_on(signal.SIGTERM)

    def _end_late(self) -> None:
        """Kill workers that do not end."""
        if self._stopping_since is not None and time.monotonic() - self._stopping_since > self._times.grace:
            self._pass_on(signal.SIGKILL)

    def _pass_on(self, number: int) -> None:
        for slot in self._slots:
            if slot.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(slot.pid, number)

    @contextmanager
    def _taking_signals(self) -> Iterator[None]:
        os.set_blocking(self._wake, False)
        before_wake = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._ends_with_terminal = ends_with_terminal()
        before = {number: signal.signal(number, self._note) for number in _HANDLED}
        if before.get(signal.SIGHUP) is signal.SIG_IGN:
            self._hangup = signal.SIG_IGN
        try:
            yield
        finally:
            signal.set_wakeup_fd(before_wake)
            for number, handler in before.items():
                signal.signal(number, handler)
            if not self._is_worker:
                for each in (self._woken, self._wake, self._lifeline, self._held):
                    os.close(each)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)


_HANDLED = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD") if hasattr(signal, name)]


def _pass_over(_number: int, _frame: FrameType | None) -> None:
    """Do nothing, unlike a signal's default."""


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}"
