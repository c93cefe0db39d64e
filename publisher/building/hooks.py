"""Runners of a build backend's hooks in an isolated environment, each hook in a process of its own."""

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

from publisher.project.child_environment import without_own_secrets
from publisher.project.git import without_repository_variables

CAN_FORK = sys.platform == "linux"
"""Whether a process that has imported a backend may be forked; Windows has no fork, macOS libraries fail after it."""

_OUTPUT_INTERVAL = 0.1
"""Seconds after which output of a running hook is passed on."""

_SERVER = Path(__file__).with_name("isolated") / "fork_server.py"


class AccelerationError(Exception):
    """A failure of the accelerated engine in a part that plain builds don't use."""


OutputCallback = Callable[[bytes], object]
"""Receives the output of a hook while it runs."""

_UMASK = 0o022
"""The permissions of files that a hook writes go into the wheel, and must not depend on the person's umask."""


_TOOLS = ("PIP_", "UV_", "TWINE_", "POETRY_", "PDM_", "HATCH_INDEX_", "FLIT_")
_SECRET_PARTS = ("PASSWORD", "TOKEN")  # POETRY_PYPI_TOKEN_ACME has the name of the repository behind it
_SECRET_ENDINGS = ("INDEX", "URL", "FIND_LINKS", "USERNAME", "AUTH")  # a URL can contain a password


def hook_variables() -> dict[str, str]:
    """Return the variables of build hooks: without credentials, and without git's pointers to another repository."""
    own = without_repository_variables(without_own_secrets(os.environ))
    return {name: value for name, value in own.items() if not _is_secret(name)}


def _is_secret(name: str) -> bool:
    name = name.upper()
    if name.startswith("ACTIONS_ID_TOKEN_REQUEST_") or name.endswith("_ID_TOKEN"):
        return True  # with these, a backend could publish
    return name.startswith(_TOOLS) and (name.endswith(_SECRET_ENDINGS) or any(part in name for part in _SECRET_PARTS))


def ignore_output(_: bytes) -> None:
    """Do nothing with the output of a hook; a failure still carries it."""


class HookRunner(Protocol):
    """Runs the commands of hooks for pypa/build."""

    on_output: OutputCallback

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """Run one hook; raises subprocess.CalledProcessError, with the output, when it fails."""

    def preload(self, modules: Collection[str]) -> None:
        """Import modules that hooks will need, where that saves time."""

    def imported(self) -> Collection[str]:
        """Return the installed modules that hooks imported."""

    def close(self) -> None:
        """End all processes."""


def open_runner(python: str, environment: Mapping[str, str]) -> HookRunner:
    """Return the fastest runner that this system supports, for an environment's interpreter and variables."""
    return ForkingHookRunner(python, environment) if CAN_FORK else SubprocessHookRunner(environment)


class SubprocessHookRunner:
    """Starts an interpreter for each hook."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.on_output: OutputCallback = ignore_output
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
            umask=_UMASK if os.name == "posix" else -1,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            self._running = process
            for line in process.stdout or ():
                lines.append(line)
                self.on_output(line)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, cmd, b"".join(lines))

    def preload(self, modules: Collection[str]) -> None:
        """Do nothing: every hook gets a new interpreter."""

    def imported(self) -> Collection[str]:
        """Return nothing: it is not recorded."""
        return ()

    def close(self) -> None:
        """End the hook that runs."""
        if self._running is not None:
            self._running.kill()


class ForkingHookRunner:
    """
    Forks each hook from a server that runs in the isolated environment, so that one interpreter is started for all.

    PEP 517 wants a fresh process for each hook, so that a backend may change globals; a fork is one. The server imports
    the installed modules that a hook imported before it forks the next. Environment variables are the server's own,
    because some backends read them when they are imported (pdm.backend reads SOURCE_DATE_EPOCH). The server and its
    forks are one process group, which ends with `close`, or after the current hook when this process is gone.
    """

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self.on_output: OutputCallback = ignore_output
        self._control, theirs = socket.socketpair()
        self._answers = self._control.makefile("r", encoding="utf-8")
        self._output = TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._imported: dict[str, None] = {}
        self._is_closed = False
        with theirs:
            self._server = subprocess.Popen(  # noqa: S603 - this package's own program
                [python, str(_SERVER), str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                umask=_UMASK,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        """
        Run one hook.

        Raises subprocess.CalledProcessError, with the output, when it fails, AccelerationError when the server does.
        """
        output = _Tail(self._output.fileno(), self.on_output)
        environment = dict(extra_environ or {})
        self._send({"arguments": list(cmd[1:]), "folder": str(cwd or Path.cwd()), "environment": environment})
        answer = self._wait_for_answer(output)
        self._imported.update(dict.fromkeys(answer["modules"]))
        if answer["code"]:
            raise subprocess.CalledProcessError(answer["code"], list(cmd), output.whole)

    def preload(self, modules: Collection[str]) -> None:
        """Import modules in the server while it is idle."""
        self._imported.update(dict.fromkeys(modules))
        self._send({"modules": list(modules)})

    def set_up(self, packages: Path, bytecode: Path, variables: Mapping[str, str]) -> None:
        """
        Take up the packages that were installed since the server was started, with their bytecode, and more variables.

        Raises AccelerationError when the server fails.
        """
        self._send({"packages": str(packages), "bytecode": str(bytecode), "environment": dict(variables)})
        self._wait_for_answer(_Tail(self._output.fileno(), ignore_output))

    def imported(self) -> Collection[str]:
        """Return the installed modules that were preloaded or imported by hooks, in the order of their import."""
        return list(self._imported)

    def close(self) -> None:
        """End the server and the hook that runs."""
        self._is_closed = True
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
        with suppress(OSError):  # a dead server is noticed when it does not answer
            self._control.sendall(json.dumps(request).encode() + b"\n")

    def _wait_for_answer(self, output: "_Tail") -> Mapping[str, Any]:
        """Return the server's answer, passing output on until it comes; once closed, the answer is a failed hook."""
        line = ""
        with suppress(OSError, ValueError):  # closed meanwhile
            interval = None if self.on_output is ignore_output else _OUTPUT_INTERVAL
            while not select.select([self._control], [], [], interval)[0]:
                output.follow()
            line = self._answers.readline()
        with suppress(OSError, ValueError):
            output.follow()
        if self._is_closed:
            return {"code": self._server.wait() or 1, "modules": ()}
        try:
            answer: Mapping[str, Any] = json.loads(line)
        except ValueError:
            raise AccelerationError("the process that forks hooks did not answer") from None
        return answer


class _Tail:
    """The part of a file that is written from now on."""

    def __init__(self, descriptor: int, on_output: OutputCallback) -> None:
        self._descriptor = descriptor
        self._began = self._end = os.fstat(descriptor).st_size
        self._on_output = on_output

    @property
    def whole(self) -> bytes:
        """Everything that was written so far."""
        try:
            return os.pread(self._descriptor, os.fstat(self._descriptor).st_size - self._began, self._began)
        except OSError:
            return b""  # closed meanwhile

    def follow(self) -> None:
        """Pass on the output since the last call."""
        if new := os.pread(self._descriptor, os.fstat(self._descriptor).st_size - self._end, self._end):
            self._end += len(new)
            self._on_output(new)
