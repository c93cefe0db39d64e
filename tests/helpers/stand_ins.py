"""Programs of a test's own on the path: shell scripts, which take no second to start, and note how they were called."""

import os
import shlex
from pathlib import Path

import pytest


class StandIns:
    """A folder of scripts that is the whole path."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        monkeypatch.setenv("PATH", str(folder))

    def add(self, name: str, *lines: str) -> Path:
        """Write a script of some lines of shell, which notes its arguments first."""
        program = self.folder / name
        noting = f'printf "%s\\n" "$*" >> {shlex.quote(str(self._log(name)))}'
        program.write_text("\n".join(["#!/bin/sh", noting, *lines, ""]))
        program.chmod(0o755)
        return program

    def calls(self, name: str) -> list[str]:
        """Return the arguments of each call, in one line."""
        return self._log(name).read_text().splitlines() if self._log(name).exists() else []

    def _log(self, name: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}-{name}.log")


def cases(*pairs: tuple[str, str]) -> str:
    """Return a shell line that does one thing for each pattern of the first argument; ``*`` is for all others."""
    return f'case "$1" in {" ".join(f"{pattern}) {action};;" for pattern, action in pairs)} esac'


SYSTEM_PATH = os.pathsep.join(["/usr/bin", "/bin"])
