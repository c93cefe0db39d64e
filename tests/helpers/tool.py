"""The real command, run as a person or a CI job runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.secret_search import SEARCH


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
    return run([sys.executable, "-m", "publisher.cli.main", *map(str, arguments)], given=given, cwd=cwd, env=env)


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
        timeout=120,
    )
    SEARCH.note_program(command, env or {}, given, done.stdout, done.stderr)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())
