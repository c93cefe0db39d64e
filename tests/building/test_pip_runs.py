"""How pip is run for a build: by which Python, with which arguments, variables and input, and how it fails."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from publisher.building.installer import install_with_pip

SCRIPT = """\
#!/bin/sh
cd "{folder}"
printf '%s\\n' "$@" > arguments
for last; do :; done
cp "$last" requirements
env > variables
cat > input
echo standard output
echo standard error >&2
exit {code}
"""
OPTIONS = ["--use-pep517", "--no-warn-script-location", "--no-compile", "--no-input"]


class Noted:
    """A Python that notes how it was run."""

    def __init__(self, folder: Path, code: int = 0) -> None:
        folder.mkdir()
        self.folder = folder
        self.program = folder / "python"
        self.program.write_text(SCRIPT.format(folder=folder, code=code))
        self.program.chmod(0o755)

    def lines(self, name: str) -> list[str]:
        return (self.folder / name).read_text().splitlines()


def _environment(folder: Path, python: Noted, *, has_pip: bool) -> Any:
    if has_pip:
        base = {"base": str(folder), "platbase": str(folder)}
        Path(sysconfig.get_path("purelib", "venv", base), "pip").mkdir(parents=True)
    return SimpleNamespace(path=str(folder), python_executable=str(python.program))


def test_the_environments_own_pip_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "s3cret")
    python = Noted(tmp_path / "own")
    install_with_pip(_environment(tmp_path / "env", python, has_pip=True), {"b>1", "a; python_version > '3'"})
    *arguments, file = python.lines("arguments")
    assert arguments == ["-Im", "pip", "install", *OPTIONS, "--requirement"]
    assert python.lines("requirements") == ["a; python_version > '3'", "b>1"]
    assert python.lines("input") == []
    assert "PIP_TARGET=" in python.lines("variables")
    assert "s3cret" not in (python.folder / "variables").read_text()
    assert not os.path.lexists(file)


def test_ours_installs_into_an_environment_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, own = Noted(tmp_path / "ours"), Noted(tmp_path / "own")
    monkeypatch.setattr(sys, "executable", str(ours.program))
    install_with_pip(_environment(tmp_path / "env", own, has_pip=False), ["a"])
    expected = ["-P", "-m", "pip", "--python", str(own.program), "install", *OPTIONS, "--requirement"]
    assert ours.lines("arguments")[:-1] == expected
    assert not (own.folder / "arguments").exists()


def test_a_failure_has_pips_output_which_is_not_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    python = Noted(tmp_path / "own", code=1)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        install_with_pip(_environment(tmp_path / "env", python, has_pip=True), ["a"])
    assert (caught.value.returncode, caught.value.stdout) == (1, b"standard output\n")
    assert caught.value.stderr == b"standard error\n"
    assert capfd.readouterr() == ("", "")
