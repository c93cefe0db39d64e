"""A supervisor and its workers, which are children of a child of the tests: starts, deaths, pauses, and signals."""

import gc
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from publisher.errors import ConfigurationError, PublishError
from publisher.limits import LIMITS
from publisher.server import supervisor
from publisher.server.http.log_writer import SupervisorLog
from publisher.server.siblings.locks import inherited_file
from publisher.server.supervisor import GIVEN_UP, Supervisor, SupervisorTimes
from publisher.server.worker import WorkerPipes

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are copies"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"),  # threads of tests before these
]

SOON = SupervisorTimes(pause=0.001, served_pause=0.004, longest_pause=0.002)

PATIENCE = 20
"""Seconds after which a process of these tests ends in any case."""

Serve = Callable[[WorkerPipes], None]


class Stage:
    """A supervisor and its workers, which tell line by line how they do."""

    def __init__(self, folder: Path) -> None:
        self._reading, self._writing = os.pipe()
        self._waiting, self._ready = os.pipe()
        self._mark = folder / "mark"

    def tell(self, text: str) -> None:
        os.write(self._writing, f"{text}\n".encode())

    def printing(self) -> IO[str]:
        """Return a file that passes on what is printed to it once it is flushed."""
        return os.fdopen(os.dup(self._writing), "w")

    def is_first_time(self) -> bool:
        """Return whether this is asked for the first time."""
        try:
            self._mark.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def serve_briefly(self, pipes: WorkerPipes) -> None:
        """Serve, the first time until all workers are ready."""
        pipes.serves()
        if self.is_first_time():
            os.read(self._waiting, 1)

    def run(
        self,
        serve: Serve,
        count: int = 1,
        *,
        ready: Callable[[], None] = lambda: None,
        death: Callable[[], None] = lambda: None,
        hangup: signal.Handlers = signal.SIG_DFL,
        **times: float,
    ) -> list[str]:
        """Return the lines of all until the last of these processes has ended."""
        gc.freeze()  # which the supervisor would take time for
        child = os.fork()
        if child == 0:
            os.close(self._reading)
            try:
                signal.alarm(PATIENCE)
                signal.signal(signal.SIGHUP, hangup)
                self._supervise(serve, count, ready, death, SOON._replace(**times))
            except SystemExit as ending:  # this is a worker
                os._exit(int(str(ending.code)))
            except BaseException:  # noqa: BLE001 - no copy of the tests may go on with them
                self.tell(traceback.format_exc())
            finally:
                os._exit(99)
        gc.unfreeze()
        for each in (self._writing, self._waiting, self._ready):
            os.close(each)
        with open(self._reading, encoding="utf-8") as reports:  # noqa: PTH123 - a descriptor
            lines = reports.read().splitlines()
        os.waitpid(child, 0)
        return lines

    def _supervise(
        self,
        serve: Serve,
        count: int,
        ready: Callable[[], None],
        death: Callable[[], None],
        times: SupervisorTimes,
    ) -> None:
        def on_ready() -> None:
            self.tell("ready")
            os.write(self._ready, b"x")
            ready()

        def on_death() -> None:
            self.tell("death")
            death()

        def bounded(pipes: WorkerPipes) -> None:
            signal.alarm(PATIENCE)
            serve(pipes)

        with inherited_file() as lock:
            log = SupervisorLog(lock, self._writing)
            try:
                Supervisor(count, bounded, log, times, on_death).run(on_ready)
            except PublishError as error:
                self.tell(f"failed with {error.exit_code}: {error.message} {error.hint}")
            else:
                self.tell("returned")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def after(number: int) -> Callable[[], None]:
    """Return a call that ends this process when it was called so many times."""
    calls: list[None] = []

    def count() -> None:
        calls.append(None)
        if len(calls) == number:
            end()

    return count


def serve_on(pipes: WorkerPipes) -> None:
    pipes.serves()
    while True:  # a signal that arrives just before the wait would not interrupt it
        time.sleep(0.01)


def restarts(reports: list[str]) -> list[str]:
    """Return when another worker starts, for each that ended."""
    return [line.rpartition("; another one starts ")[2] for line in reports if "; another one starts " in line]


def test_it_is_ready_once_all_workers_serve_and_returns_when_all_have_ended(stage: Stage) -> None:
    def serve(pipes: WorkerPipes) -> None:
        stage.tell("serves")
        serve_on(pipes)

    assert stage.run(serve, 3, ready=end) == ["serves"] * 3 + ["ready", "returned"]


def test_it_is_ready_only_once(stage: Stage) -> None:
    def serve(pipes: WorkerPipes) -> None:
        stage.tell("serves")
        stage.serve_briefly(pipes)

    reports = stage.run(serve, death=after(3))
    assert reports.count("ready") == 1
    assert reports.count("serves") == 3


def test_a_worker_that_returns_has_ended_well(stage: Stage) -> None:
    reports = stage.run(stage.serve_briefly, death=end)
    assert any(line.startswith("worker ") and " ended with exit code 0; another" in line for line in reports)


@pytest.mark.parametrize(
    ("fail", "expected"),
    [
        (ConfigurationError("No room.", hint="Make some."), "failed with 2: No room. Make some."),
        (PublishError("Lost."), "failed with 1: Lost. None"),
        (
            ValueError("odd"),
            "failed with 1: Unexpected failure: ValueError: odd The log shows where; please report it.",
        ),
    ],
)
def test_a_failure_at_the_start_ends_it_and_the_other_workers(
    stage: Stage, fail: Exception, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def serve(pipes: WorkerPipes) -> None:
        if stage.is_first_time():
            raise fail
        serve_on(pipes)

    reports = stage.run(serve, 3)
    assert reports == ["death", expected]
    assert ("Traceback" in capfd.readouterr().err) == isinstance(fail, ValueError), "for who has to find the cause"


@pytest.mark.parametrize(
    ("leave", "how"),
    [
        (lambda: os._exit(3), "ended with exit code 3"),
        (lambda: os._exit(0), "ended with exit code 0"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "was ended by SIGKILL"),
        (lambda: os.kill(os.getpid(), signal.SIGRTMIN + 1), f"was ended by signal {signal.SIGRTMIN + 1}"),
    ],
)
def test_a_worker_that_ends_before_it_serves_is_reported(stage: Stage, leave: Callable[[], None], how: str) -> None:
    reports = stage.run(lambda _pipes: leave())
    hint = "Read the log; `--workers 1` may show more."
    assert reports == ["death", f"failed with 1: A worker did not start: it {how}. {hint}"]


def test_the_last_report_of_a_worker_is_heard_after_its_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    wait_for = os.waitpid

    def serve(_pipes: WorkerPipes) -> None:
        os.kill(os.getppid(), signal.SIGHUP)  # so that it looks at its workers
        os.read(reading, 1)
        raise ConfigurationError("Lost.")

    def wait_late(pid: int, options: int) -> tuple[int, int]:
        os.write(writing, b"x")
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return wait_for(pid, options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "waitpid", lambda pid, flags: (wait_late if flags else wait_for)(pid, flags))
        assert stage.run(serve)[-1] == "failed with 2: Lost. None"
    os.close(reading)
    os.close(writing)


def test_pauses_double_up_to_their_longest_while_workers_serve_briefly(stage: Stage) -> None:
    reports = stage.run(stage.serve_briefly, death=after(5))
    assert restarts(reports) == [f"in {pause} s" for pause in ("0.001", "0.002", "0.004", "0.004", "0.004")]
    assert reports.count("death") == 5


def test_a_worker_that_served_for_long_is_replaced_at_once(stage: Stage) -> None:
    reports = stage.run(stage.serve_briefly, death=after(3), steady=0.0)
    assert restarts(reports) == ["at once"] * 3


def test_workers_that_can_not_start_are_tried_again_while_another_serves(stage: Stage) -> None:
    served: list[bool] = []

    def serve(pipes: WorkerPipes) -> None:
        if logging.getLogger("publisher").isEnabledFor(logging.WARNING):  # the first
            serve_on(pipes)
        if served:
            raise ConfigurationError("Lost.")
        stage.serve_briefly(pipes)

    reports = stage.run(serve, 2, ready=lambda: served.append(True), death=after(GIVEN_UP + 2))
    assert reports[-1] == "returned"
    assert reports.count("ready") == 1
    assert restarts(reports)[-3:] == ["in 0.002 s"] * 3
    assert sum(line.startswith("a worker could not start: Lost.; ") for line in reports) == GIVEN_UP + 1


def test_it_gives_up_when_none_serves_and_none_starts(stage: Stage) -> None:
    served: list[bool] = []

    def serve(pipes: WorkerPipes) -> None:
        if served:
            raise ConfigurationError("Lost.")
        stage.serve_briefly(pipes)

    reports = stage.run(serve, ready=lambda: served.append(True))
    assert reports[-1] == "failed with 2: Lost. None"
    assert reports.count("death") == GIVEN_UP
    assert len(restarts(reports)) == GIVEN_UP - 1


def test_workers_that_serve_briefly_are_never_given_up(stage: Stage) -> None:
    reports = stage.run(stage.serve_briefly, death=after(GIVEN_UP + 2))
    assert reports[-1] == "returned"
    assert len(restarts(reports)) == GIVEN_UP + 2


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_worker_prints_nothing_of_its_supervisor(stage: Stage, stream: str) -> None:
    def serve(pipes: WorkerPipes) -> None:
        stage.serve_briefly(pipes)
        getattr(sys, stream).flush()

    def death() -> None:
        setattr(sys, stream, stage.printing())
        print("printed", file=getattr(sys, stream))
        ending()

    ending = after(3)
    assert stage.run(serve, death=death).count("printed") == 2


def test_only_the_first_worker_logs_problems_of_the_start(stage: Stage) -> None:
    def serve(pipes: WorkerPipes) -> None:
        stage.tell(f"logs: {logging.getLogger('publisher').isEnabledFor(logging.WARNING)}")
        serve_on(pipes)

    reports = stage.run(serve, 3, ready=end)
    assert sorted(reports[:3]) == ["logs: False", "logs: False", "logs: True"]


@pytest.mark.parametrize(
    ("first", "again", "heard"), [("TERM", "INT", True), ("INT", "INT", True), ("INT", "TERM", False)]
)
def test_only_a_second_sigint_reaches_the_workers(stage: Stage, first: str, again: str, *, heard: bool) -> None:
    def serve(pipes: WorkerPipes) -> None:
        def asked(number: int, _frame: object) -> None:
            stage.tell(signal.Signals(number).name)
            if number == signal.SIGINT:
                os._exit(0)
            os.kill(os.getppid(), getattr(signal, f"SIG{again}"))

        signal.signal(signal.SIGTERM, asked)
        signal.signal(signal.SIGINT, asked)
        serve_on(pipes)

    reports = stage.run(
        serve, ready=lambda: os.kill(os.getpid(), getattr(signal, f"SIG{first}")), grace=0.2 if not heard else 60.0
    )
    assert reports == ["ready", "SIGTERM", *(["SIGINT"] if heard else []), "returned"]


def test_a_worker_that_does_not_end_in_time_is_killed(stage: Stage) -> None:
    def serve(pipes: WorkerPipes) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        serve_on(pipes)

    assert stage.run(serve, 2, ready=end, grace=0.01) == ["ready", "returned"]


def test_workers_get_more_time_to_end_than_their_requests() -> None:
    assert SupervisorTimes().grace > LIMITS.grace + LIMITS.inspection_grace


def test_sighup_reaches_all_workers(stage: Stage) -> None:
    def serve(pipes: WorkerPipes) -> None:
        def asked(_number: int, _frame: object) -> None:
            stage.tell("SIGHUP")
            os._exit(0)

        signal.signal(signal.SIGHUP, asked)
        serve_on(pipes)

    reports = stage.run(
        serve, 2, ready=lambda: os.kill(os.getpid(), signal.SIGHUP), death=after(2), served_pause=60.0, pause=60.0
    )
    assert reports.count("SIGHUP") == 2
    assert reports[-1] == "returned"


def test_sighup_does_not_end_a_worker_that_is_about_to_serve(stage: Stage) -> None:
    def serve(pipes: WorkerPipes) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        serve_on(pipes)

    assert stage.run(serve, ready=end) == ["ready", "returned"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_other_signals_end_a_worker_that_is_about_to_serve(stage: Stage, number: signal.Signals) -> None:
    reports = stage.run(lambda _pipes: os.kill(os.getpid(), number))
    assert f"was ended by {number.name}" in reports[-1]


@pytest.mark.parametrize(("handler", "ignores"), [(signal.SIG_IGN, True), (signal.SIG_DFL, False)])
def test_workers_know_that_nohup_keeps_them(stage: Stage, handler: signal.Handlers, *, ignores: bool) -> None:
    def serve(pipes: WorkerPipes) -> None:
        stage.tell(f"ignores: {signal.getsignal(signal.SIGHUP) is signal.SIG_IGN}")
        serve_on(pipes)

    assert stage.run(serve, ready=end, hangup=handler) == [f"ignores: {ignores}", "ready", "returned"]


@pytest.mark.parametrize(("ends", "has", "stops"), [(True, False, True), (True, True, False), (False, False, False)])
def test_it_stops_when_the_terminal_that_it_ends_with_is_closed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, *, ends: bool, has: bool, stops: bool
) -> None:
    monkeypatch.setattr(supervisor, "ends_with_terminal", lambda: ends)
    monkeypatch.setattr(supervisor, "has_terminal", lambda: has)

    def serve(pipes: WorkerPipes) -> None:
        def asked(number: int, _frame: object) -> None:
            stage.tell(signal.Signals(number).name)
            os._exit(0)

        signal.signal(signal.SIGHUP, asked)
        signal.signal(signal.SIGTERM, asked)
        serve_on(pipes)

    reports = stage.run(serve, ready=lambda: os.kill(os.getpid(), signal.SIGHUP), death=end)
    assert ("SIGTERM" in reports, "SIGHUP" in reports) == (stops, not stops)


def test_a_worker_notices_the_end_of_its_supervisor_and_nothing_before(stage: Stage) -> None:
    def serve(pipes: WorkerPipes) -> None:
        stage.tell(f"ended: {bool(select.select([pipes.lifeline], [], [], 0)[0])}")
        pipes.serves()
        stage.tell(f"ended: {bool(select.select([pipes.lifeline], [], [], 30)[0])}")
        os._exit(0)

    reports = stage.run(serve, 2, ready=lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert sorted(reports) == ["ended: False"] * 2 + ["ended: True"] * 2 + ["ready"]


def test_signals_and_files_are_as_before_afterwards(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> Any:
        wakeup = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(wakeup)
        return (
            len(list(Path("/dev/fd").iterdir())),
            wakeup,
            [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
        )

    supervise = Stage._supervise

    def compared(self: Stage, *arguments: Any) -> None:
        before = state()
        supervise(self, *arguments)
        self.tell(f"same: {state() == before}")

    monkeypatch.setattr(Stage, "_supervise", compared)
    assert stage.run(serve_on, 2, ready=end) == ["ready", "returned", "same: True"]


def test_a_system_that_can_not_fork_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with inherited_file() as lock:
        supervising = Supervisor(2, serve_on, SupervisorLog(lock))
        with monkeypatch.context() as patched:
            patched.delattr(os, "fork")
            with pytest.raises(ConfigurationError) as refused:
                supervising.run(end)
    assert refused.value.hint == "Remove --workers."
