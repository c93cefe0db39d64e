"""Reading of files: at once where it is cheap, else in processes of low priority, which hold up no request."""

import json
import os
import select
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from publisher.errors import InvalidDistributionError, OversizedDistributionError
from publisher.limits import Limits
from publisher.project.archives import Source, no_checkpoint
from publisher.project.child_environment import bare_environment
from publisher.server.work import helper as helper_program  # for its name, and so that a deployment takes it along
from publisher.server.work.turns import BusyError

_LOOK_EVERY = 0.25
"""Seconds between two looks whether the client is still there."""


_Result = TypeVar("_Result")


class HelperProcesses:
    """
    Starts processes when there is work for them, and keeps them for a while.

    Threads would share one interpreter with the event loop: reading 40,000 members takes it for a second.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._light = limits.distributions.light()
        self._brief = limits.distributions.brief()
        self._places = threading.Semaphore(limits.helpers)
        self._idle: list[_Helper] = []
        self._lock = threading.Lock()
        self._closed = False

    def read_at_once(self, function: Callable[..., _Result], source: Source, *arguments: str) -> _Result | None:
        """
        Return the result of a function, as `read` does, in one to three milliseconds; None if it would take longer.

        For the event loop: handing small files to a thread, and the result back, takes longer than reading them.

        Raises the function's InvalidDistributionError.
        """
        if not isinstance(source, bytes):  # a disk may be slow
            return None
        try:
            return function(source, *arguments, limits=self._brief, checkpoint=no_checkpoint)
        except OversizedDistributionError:
            return None

    def read(
        self, function: Callable[..., _Result], source: Source, *arguments: str, checkpoint: Callable[[], None]
    ) -> _Result:
        """
        Return the result of a function of a module, which JSON can express; it takes ``limits`` and ``checkpoint`` too.

        Raises the function's InvalidDistributionError and OSError, and BusyError where no process can be
        started.
        """
        with suppress(OversizedDistributionError):
            return function(source, *arguments, limits=self._light, checkpoint=checkpoint)
        request = {"module": function.__module__, "function": function.__name__, "arguments": arguments}
        if isinstance(source, bytes):
            request["bytes"] = b64encode(source).decode()
        else:
            request["path"] = os.fspath(source)
        line = json.dumps({**request, "limits": self._limits.distributions._asdict()}).encode() + b"\n"
        while not self._places.acquire(timeout=_LOOK_EVERY):
            checkpoint()
        try:
            answer = self._ask(line, checkpoint)
        finally:
            self._places.release()
        return cast("_Result", _result(answer))

    def close(self) -> None:
        """End the processes that have nothing to do; the others end with their work."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for helper in idle:
            helper.end()

    def _ask(self, line: bytes, checkpoint: Callable[[], None]) -> bytes:
        """Return the answer of a process; of a new one where the one that was kept is gone."""
        while True:
            helper, is_new = self._take()
            try:
                answer = helper.ask(line, checkpoint)
            except BaseException:
                helper.end()
                raise
            if answer.endswith(b"\n"):
                self._keep(helper)
                return answer
            helper.end()
            if is_new:
                return b""

    def _keep(self, helper: "_Helper") -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(helper)
                return
        helper.end()

    def _take(self) -> tuple["_Helper", bool]:
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        try:
            return _Helper(), True
        except OSError as error:
            raise BusyError("The index can't start a process to read the file; try again in a moment.", 5) from error


class _Helper:
    """A process that answers one request after another."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", helper_program.__name__],
            env=bare_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for the index
        )

    def ask(self, line: bytes, checkpoint: Callable[[], None]) -> bytes:
        """Return the answer to a request, a line; less than that where the process ends without one."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - for the type checker
        assert stdout is not None  # noqa: S101 - for the type checker
        with suppress(BrokenPipeError):
            stdin.write(line)
            stdin.flush()
        ready = select.poll()
        ready.register(stdout, select.POLLIN)
        while not ready.poll(_LOOK_EVERY * 1000):
            checkpoint()
        return stdout.readline()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.communicate()


def _result(answer: bytes) -> Any:
    """Return a result, or raise the function's exception."""
    if not answer:
        raise InvalidDistributionError("reading it takes more time or memory than this index allows")
    found = json.loads(answer)
    if "refused" in found:
        raise InvalidDistributionError(found["refused"])
    if "errno" in found:
        raise OSError(found["errno"], found["reason"])
    if "failed" in found:
        raise RuntimeError(found["failed"])
    return found["result"]
