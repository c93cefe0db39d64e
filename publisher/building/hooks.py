"""Running a build backend's hooks in an isolated environment, each in a process of its own, quiet unless it fails."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Protocol

CAN_FORK = sys.platform == "linux"
"""Whether a process that has imported a backend may be forked; Windows can't, and the libraries of macOS object."""

_OUTPUT_INTERVAL = 0.1
"""Seconds after which what a hook printed is passed on while it runs."""

_SERVER = Path(__file__).with_name("fork_server.py")


Tell = Callable[[bytes], object]
"""Is told what a hook prints, soon after it is printed."""


def ignore(_: bytes) -> None:
    """Tell nobody."""


class HookRunner(Protocol):
    """What pypa/build hands the hooks' commands to, and what is closed when nothing more comes."""

    tell: Tell

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run one hook; raises subprocess.CalledProcessError, with the output, when it fails."""

    def import_beforehand(self, modules: Collection[str]) -> None:
        """Have modules imported that the hooks will need, where that saves time."""

    def imported(self) -> Collection[str]:
        """Return the installed modules that the hooks were found to need."""

    def close(self) -> None:
        """End every process that is left."""


def open_runner(python: str, environment: Mapping[str, str]) -> HookRunner:
    """Return what runs hooks with an isolated environment's interpreter and these variables."""
    return ForkingRunner(python, environment) if CAN_FORK else StartingRunner(environment)


class StartingRunner:
    """Starts an interpreter for each hook."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.tell: Tell = ignore
        self._environment = environment
        self._running: subprocess.Popen[bytes] | None = None

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run one hook; raises subprocess.CalledProcessError, with the output, when it fails."""
        lines: list[bytes] = []
        with subprocess.Popen(  # noqa: S603 - the command is pyproject_hooks' own
            cmd,
            cwd=cwd,
            env={**self._environment, **(extra_environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            self._running = process
            for line in process.stdout or ():
                lines.append(line)
                self.tell(line)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, cmd, b"".join(lines))

    def import_beforehand(self, modules: Collection[str]) -> None:
        """Do nothing: no process of this runner outlives its hook."""

    def imported(self) -> Collection[str]:
        """Return nothing: nobody looked."""
        return ()

    def close(self) -> None:
        """End the hook that runs."""
        if self._running is not None:
            self._running.kill()


class ForkingRunner:
    """
    Has a server in the isolated environment fork a process for each hook, so that one interpreter is started for all.

    PEP 517 wants a fresh process for each hook, so that a backend may change what is global in one; a fork is that.
    What one hook imported of the environment is imported in the server before the next is forked. The variables are
    the server's own, because there are backends that read them when they are imported (pdm.backend reads
    SOURCE_DATE_EPOCH). The server and what it forks are a process group, which ends with `close`, or after the hook
    that runs when this process is gone.
    """

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self.tell: Tell = ignore
        self._control, theirs = socket.socketpair()
        self._answers = self._control.makefile("r", encoding="utf-8")
        self._output = TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._imported: dict[str, None] = {}
        with theirs:
            self._server = subprocess.Popen(  # noqa: S603 - this package's own program
                [python, str(_SERVER), str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run one hook; raises subprocess.CalledProcessError, with the output, when it fails."""
        output = _Tail(self._output.fileno(), self.tell)
        environment = dict(extra_environ or {})
        self._send({"arguments": list(cmd[1:]), "folder": str(cwd or Path.cwd()), "environment": environment})
        answer = self._wait_for_answer(output)
        self._imported.update(dict.fromkeys(answer["modules"]))
        if answer["code"]:
            raise subprocess.CalledProcessError(answer["code"], list(cmd), output.whole)

    def import_beforehand(self, modules: Collection[str]) -> None:
        """Have the server import modules while nothing else is asked of it."""
        self._imported.update(dict.fromkeys(modules))
        self._send({"modules": list(modules)})

    def imported(self) -> Collection[str]:
        """Return the installed modules that were asked for or found to be needed, in the order of their import."""
        return list(self._imported)

    def close(self) -> None:
        """End the server and the hook that runs."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        self._answers.close()
        self._control.close()
        if self._server.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
        self._output.close()

    def _send(self, request: Mapping[str, object]) -> None:
        with suppress(OSError):  # a server that is gone is noticed when it does not answer
            self._control.sendall(json.dumps(request).encode() + b"\n")

    def _wait_for_answer(self, output: "_Tail") -> Mapping[str, Any]:
        """Return the answer, or what stands for it when the server is gone; pass on what is printed until then."""
        line = ""
        with suppress(OSError, ValueError):  # closed meanwhile
            while not select.select([self._control], [], [], None if self.tell is ignore else _OUTPUT_INTERVAL)[0]:
                output.follow()
            line = self._answers.readline()
        answer: Mapping[str, Any] = json.loads(line) if line else {"code": self._server.wait() or 1, "modules": ()}
        with suppress(OSError, ValueError):
            output.follow()
        return answer


class _Tail:
    """What is written to a file from now on."""

    def __init__(self, descriptor: int, tell: Tell) -> None:
        self._descriptor = descriptor
        self._began = self._end = os.fstat(descriptor).st_size
        self._tell = tell

    @property
    def whole(self) -> bytes:
        """All that was written so far."""
        try:
            return os.pread(self._descriptor, os.fstat(self._descriptor).st_size - self._began, self._began)
        except OSError:
            return b""  # closed meanwhile

    def follow(self) -> None:
        """Tell what was written since the last time."""
        if new := os.pread(self._descriptor, os.fstat(self._descriptor).st_size - self._end, self._end):
            self._end += len(new)
            self._tell(new)
