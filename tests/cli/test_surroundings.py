"""Every command in every kind of surroundings ends with a documented exit code, a cause and a remedy."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, USER
from tests.helpers.cases import main_and_wide
from tests.helpers.index import RunningIndex
from tests.helpers.projects import make_project

ROOT = Path(__file__).parents[2]
CODES = {0, 1, 2, 3, 4, 5, 6, 7, 130}
ACTION = f"a/b@{'a' * 40}"
COMMANDS = [
    ["whoami"],
    ["whoami", "--json"],
    ["login", "--no-configure"],
    ["logout"],
    ["passwd", "--new-password-stdin", "--no-keyring"],
    ["config", "pip"],
    ["config", "uv", "--write"],
    ["config", "pypirc", "--write"],
    ["config", "netrc", "--write", "--embed-credentials"],
    ["config", "--all", "--env"],
    ["check", "--only", "source"],
    ["build"],
    ["publish", "--dry-run"],
    ["upload", "dist/nothing.whl"],
    ["list"],
    ["init", "--yes", "--action", ACTION],
    ["users", "list"],
    ["list", "not-utf8-\udcff"],
    ["doctor"],
    ["doctor", "--json"],
    ["--help"],
]
PROGRAMS = ("pip", "uv", "poetry", "pdm", "twine", "keyring")
PROGRAM = """\
#!/bin/sh
case " $* " in
*" --version "*) echo "{name} 26.1.0" ;;
*) echo "error: this {name} can only say its version" >&2; exit 1 ;;
esac
"""
"""Trials of `doctor`: the real tools would take seconds for each of the surroundings, and are tried elsewhere."""


@dataclass
class Place:
    """A home, a project and an environment, which surroundings change."""

    home: Path
    project: Path
    programs: Path
    environment: dict[str, str]
    traits: list[str] = field(default_factory=list)

    def variable(self, name: str, value: str | None) -> None:
        self.environment.pop(name, None)
        if value is not None:
            self.environment[name] = value

    def pyproject(self, content: bytes) -> None:
        (self.project / "pyproject.toml").write_bytes(content)

    def pipe_for_pyproject(self) -> None:
        (self.project / "pyproject.toml").unlink()
        os.mkfifo(self.project / "pyproject.toml")

    def without_password(self, netrc: bytes | None) -> None:
        self.variable("PYPI_PUBLISH_PASSWORD", None)
        (self.home / ".netrc").mkdir() if netrc is None else (self.home / ".netrc").write_bytes(netrc)


def _write_programs(folder: Path) -> Path:
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).write_text(PROGRAM.format(name=name))
        (folder / name).chmod(0o755)
    return folder


def _locale(place: Place) -> None:
    place.environment |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def _file_for_folder(name: str) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        (place.home / name).write_text("")

    return change


def _traits(*traits: str) -> Callable[[Place], None]:
    return lambda place: place.traits.extend(traits)


SURROUNDINGS: dict[str, Callable[[Place], None]] = {
    "nothing special": lambda _: None,
    "no HOME": lambda place: place.variable("HOME", None),
    "a HOME that nobody can write": lambda place: place.variable("HOME", "/proc"),
    "a HOME that does not exist": lambda place: place.variable("HOME", str(place.home / "none")),
    "no configuration folder": _file_for_folder(".config"),
    "another user's cache": _file_for_folder(".cache"),
    "a list of logins that is a folder": lambda place: (place.home / ".config/pypi-publish/logins.json").mkdir(
        parents=True
    ),
    "no temporary folder": lambda place: place.variable("TMPDIR", "/nowhere"),
    "locale C": _locale,
    "no git": lambda place: place.variable("PATH", str(place.programs)),
    "no PATH": lambda place: place.variable("PATH", ""),
    "a full disk": _traits("full-disk"),
    "a folder that is gone": _traits("lost-folder"),
    "stdin closed": _traits("closed-0"),
    "stdout closed": _traits("closed-1"),
    "stderr closed": _traits("closed-2"),
    "all closed": _traits("closed-0", "closed-1", "closed-2"),
    "stdout full": _traits("full-1"),
    "stderr full": _traits("full-2"),
    "a user name that is not UTF-8": lambda place: place.variable("PYPI_PUBLISH_USERNAME", os.fsdecode(b"ad\xe9")),
    "a password that is not UTF-8": lambda place: place.variable("PYPI_PUBLISH_PASSWORD", os.fsdecode(b"pw\xe9 xx")),
    "a URL that is not UTF-8": lambda place: place.variable("PYPI_PUBLISH_INDEX_URL", os.fsdecode(b"http://\xe9/")),
    "no CA bundle": lambda place: place.variable("REQUESTS_CA_BUNDLE", "/nowhere"),
    "a project that is not UTF-8": lambda place: place.pyproject(b"\xff\xfe[project"),
    "a project nested too deeply": lambda place: place.pyproject(b"a=" + b"[" * 3000),
    "a project whose file is a named pipe": lambda place: place.pipe_for_pyproject(),
    "a netrc file that is a folder": lambda place: place.without_password(None),
    "a netrc file that is not UTF-8": lambda place: place.without_password(b"machine a login \xe9 password x"),
}


NARROW = {
    "nothing special",
    "a HOME that nobody can write",
    "no git",
    "stdout full",
    "a password that is not UTF-8",
    "a project nested too deeply",
    "a netrc file that is not UTF-8",
}
"""One of each kind, tried by `make test`; all the others are `wide`."""


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full, /proc and closed streams are made as on Linux")
@pytest.mark.parametrize("name", main_and_wide(SURROUNDINGS, *NARROW))
def test_every_command_ends_with_a_cause_and_a_remedy(name: str, index: RunningIndex, tmp_path: Path) -> None:
    home, project = tmp_path / "home", make_project(tmp_path / "project", "walked")
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": PASSWORD}
    for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "UV_NO_CONFIG"):
        environment.pop(variable)
    environment |= {"PYTHONPATH": str(ROOT), "PYTHON_KEYRING_BACKEND": "publisher.machine.demo_keyring.DemoKeyring"}
    environment["WALK_HOME"] = str(home)
    environment["PYPI_PUBLISH_DEMO_KEYRING"] = str(tmp_path / "keyring.json")
    place = Place(home, project, _write_programs(tmp_path / "programs"), environment)
    place.variable("PATH", f"{place.programs}{os.pathsep}{environment['PATH']}")
    SURROUNDINGS[name](place)
    walked = subprocess.run(
        [sys.executable, "-m", "tests.helpers.walk", *place.traits],
        input=json.dumps(COMMANDS).encode(),
        capture_output=True,
        cwd=project,
        env=place.environment,
        check=False,
    )
    assert walked.returncode == 0, walked.stderr.decode()
    unreadable = {"stderr closed", "all closed", "stderr full"}
    for command, (code, out, err) in zip(COMMANDS, json.loads(walked.stdout), strict=True):
        said = f"{command} ended with {code}:\n{out}{err}"
        assert code in CODES, said
        for sign in ("Unexpected failure", "Traceback", "Exception ignored"):
            assert sign not in err, said
        if code and name not in unreadable:
            assert "error: " in err.lower() or (command[0] == "doctor" and {"✗", "!"} & set(err)), said
            assert "hint: " in err or "→" in err or code in {2, 7}, said
    assert index.url
