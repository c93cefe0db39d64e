"""The real command, run as a person or a CI job runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.helpers.preloaded import Preloaded
from tests.helpers.secret_search import SEARCH

LIMIT = 120
"""Seconds that a command may take."""


@dataclass(frozen=True)
class Result:
    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def everything(self) -> str:
        return self.stdout + self.stderr


def pypi_publish(
    *arguments: str | Path, given: str = "", cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Result:
    """Run `pypi-publish` with no terminal; ``env`` is added to the test's environment."""
    command = [sys.executable, "-m", "publisher.cli.main", *map(str, arguments)]
    done = _forked(command[3:], given, cwd or Path.cwd(), {**os.environ, **(env or {})})
    return run(command, given=given, cwd=cwd, env=env) if done is None else _result(command, done, given, env)


def _forked(
    arguments: list[str], given: str, folder: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[bytes] | None":
    """Run `pypi-publish` as a fork of a process with its modules; return None where it has to be started anew."""
    if Preloaded.current is None:
        return None
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(given.encode())
        stdin.seek(0)
        fork = Preloaded.current.start(arguments, environment, [stdin, stdout, stderr], folder)
        if fork is None:
            return None
        try:
            code = fork.wait(LIMIT)
        finally:
            fork.kill()  # unless it has ended
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(arguments, code, stdout.read(), stderr.read())


def run(
    command: list[str], *, given: str = "", cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Result:
    """Run a program without a terminal and return its outcome."""
    done = subprocess.run(
        command,
        input=given.encode(),
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        check=False,
        timeout=LIMIT,
    )
    return _result(command, done, given, env)


def _result(
    command: list[str], done: subprocess.CompletedProcess[bytes], given: str, env: Mapping[str, str] | None
) -> Result:
    SEARCH.note_program(command, env or {}, given, done.stdout, done.stderr)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())
