"""
Starting `pypi-publish` as a fork of a process that has imported its modules: importing is most of a start.

A fork takes its arguments, environment, folder, input and outputs from the test, like a program that was started.
Usage: ``python -m tests.helpers.preloaded DESCRIPTOR``, the number of an inherited socket, over which requests come.
"""

import atexit
import gc
import importlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

ROOT = Path(__file__).parents[2]
_LONGEST = 2**17
"""Bytes of a request."""

_MODULES = (
    "uvloop",
    "publisher.cli.run.admin.serving",
    "publisher.cli.run.checking",
    "publisher.cli.run.publishing",
    "publisher.cli.run.repository",
    "publisher.cli.run.session",
)
"""Modules of the index and of most commands."""

_STREAMS = 3
"""Descriptors that come with a request for a fork."""

_READ_AT_THE_START = re.compile(r"PYTHON[A-Z]|LD_|LC_|LANG|MALLOC_")
"""Beginnings of the names of variables that only a program that is started reads."""


class Preloaded:
    """A process that forks; it is started when it is first needed."""

    current: ClassVar["Preloaded | None"] = None
    """The process of these tests; without one, indexes and commands are started anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[BinaryIO], folder: Path
    ) -> "Fork | None":
        """
        Start `pypi-publish` with its input and two outputs.

        Return None where only a program of its own could have that environment.
        """
        with self._lock:
            if self._control is None:
                self._open(environment)
        if _at_the_start(environment) != self._environment:
            return None
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder)}
        return Fork(self, self._ask(request, [stream.fileno() for stream in streams]))

    def wait(self, pid: int) -> int:
        """Wait until a fork has ended, and return its exit code."""
        return self._ask({"wait": pid}, [])

    def close(self) -> None:
        """End the process; its forks go on."""
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait()

    def _ask(self, request: Mapping[str, Any], descriptors: list[int]) -> int:
        assert self._control is not None
        with self._lock:
            socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
            return int(self._control.recv(_LONGEST))

    def _open(self, environment: Mapping[str, str]) -> None:
        self._environment = _at_the_start(environment)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.helpers.preloaded", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )


class Fork:
    """A process that was forked, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, parent: Preloaded, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._parent = parent
        self._lock = threading.Lock()
        self._ended = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code, None while the process runs."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended; raise TimeoutExpired after some seconds."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(["pypi-publish"], timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """End the process kindly."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once."""
        self.send_signal(signal.SIGKILL)

    def __del__(self) -> None:
        """Close the descriptor."""
        os.close(self._ended)

    def _look(self, timeout: float | None) -> int | None:
        ended = select.poll()
        ended.register(self._ended, select.POLLIN)
        if self.returncode is None and ended.poll(None if timeout is None else 1000 * timeout):
            with self._lock:  # the exit code can be asked for once
                if self.returncode is None:
                    self.returncode = self._parent.wait(self.pid)
        return self.returncode


def _at_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if _READ_AT_THE_START.match(name)}


def _serve(control: socket.socket) -> None:
    """Fork, and wait for forks, as the requests say; return in each fork, and leave the process at their end."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _LONGEST, _STREAMS)
        if not message:
            sys.exit()
        request = json.loads(message)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                control.close()
                _become(request, descriptors)
                return
            for descriptor in descriptors:
                os.close(descriptor)
        control.send(str(answer).encode())


def _become(request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Take over what a program is started with."""
    for stream, descriptor in enumerate(descriptors):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    tempfile.tempdir = None
    os.chdir(request["folder"])
    sys.argv[1:] = request["arguments"]


def _main() -> None:
    for module in _MODULES:  # here, and not in the processes of the tests
        importlib.import_module(module)
    from publisher.cli.main import main  # noqa: PLC0415

    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    code: object = 1
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as Python reports what nothing has caught
        sys.excepthook(*sys.exc_info())
    _leave(code)


def _leave(code: object) -> None:
    """End this process as Python does, but without freeing each of its modules, which takes longer than a command."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _main()
