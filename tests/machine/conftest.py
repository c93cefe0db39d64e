"""A person's machine: a home, a project, and a keyring with a login."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher.machine.paths import Machine
from tests.helpers.index import RunningIndex
from tests.helpers.stand_ins import StandIns
from tests.helpers.tool import Result, pypi_publish, run

ROOT = Path(__file__).parents[2]
CLIENTS = Path(sys.executable).parents[1] / "clients" / "bin"
USER, PASSWORD = "ada", "correct horse"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Linux machine whose home and project are empty folders."""
    for name in ("home", "project"):
        (tmp_path / name).mkdir()
    return Machine("linux", tmp_path / "home", {}, tmp_path / "project")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    """The programs on the path, none at first."""
    return StandIns(tmp_path / "bin", monkeypatch)


@dataclass(frozen=True)
class Person:
    """A person at a machine who has logged in to an index; every tool runs as theirs."""

    machine: Machine
    environment: Mapping[str, str]

    def run(self, *command: str | Path, **more: str) -> Result:
        """Run a program in the project's folder, with the environment of the person alone."""
        return run(list(map(str, command)), cwd=self.machine.folder, env={**self.environment, **more})

    def config(self, *arguments: str) -> Result:
        done = pypi_publish("config", *arguments, cwd=self.machine.folder, env=self.environment)
        assert done.code == 0, done.everything
        return done

    def secrets(self) -> list[Path]:
        """Return the files of home and project that hold the password, but for the keyring itself."""
        folders = (self.machine.home, self.machine.folder)
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return [path for path in files if PASSWORD.encode() in path.read_bytes() and path.name != "keyring"]


LogIn = Callable[[RunningIndex], Person]


@pytest.fixture
def log_in(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> LogIn:
    """Return the function that logs a person in to an index."""
    for name in os.environ:
        if name.startswith(("PIP_", "UV_", "VIRTUAL_ENV", "PYTHON_KEYRING", "XDG_")):
            monkeypatch.delenv(name)

    def person(index: RunningIndex) -> Person:
        environment = {
            "HOME": str(machine.home),
            "XDG_CONFIG_HOME": str(machine.home / ".config"),
            "PYTHON_KEYRING_BACKEND": "publisher.machine.demo_keyring.DemoKeyring",
            "PYPI_PUBLISH_DEMO_KEYRING": str(machine.home / "keyring"),
            "PYPI_PUBLISH_INDEX_URL": index.url,
            "PYTHONPATH": str(ROOT),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PDM_CHECK_UPDATE": "0",
        }
        given = {**environment, "PYPI_PUBLISH_PASSWORD": PASSWORD}
        done = pypi_publish("login", "--username", USER, env=given)
        assert done.code == 0, done.everything
        return Person(machine, environment)

    return person
