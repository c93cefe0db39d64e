"""
The tools themselves, set up by `pypi-publish config`, with passwords from keyring alone.

Every test starts foreign tools more than once, which takes seconds.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex, running_index
from tests.helpers.projects import make_project
from tests.machine.conftest import CLIENTS, PASSWORD, USER, LogIn, Person

BIN = Path(sys.executable).parent
PIP = (Path(sys.base_prefix) / "bin" / "python3", "-m", "pip")  # pip takes no `keyring` from its own folder
PROJECT = '[project]\nname = "consumer"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["acme-widgets"]\n'


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RunningIndex]:
    with running_index(tmp_path / "index", USER, PASSWORD) as index:
        make_wheel(index.root)
        yield index


@pytest.fixture
def person(log_in: LogIn, index: RunningIndex) -> Person:
    person = log_in(index)
    (person.machine.folder / "pyproject.toml").write_text(PROJECT)
    return person


def test_pip_installs(person: Person) -> None:
    person.config("pip", "--write", "--only-index")
    done = person.run(*PIP, "install", "--no-deps", "--target", "there", "acme-widgets")
    assert done.code == 0, done.everything
    assert (person.machine.folder / "there" / "acme_widgets").is_dir()
    output = person.run(*PIP, "config", "debug").stdout
    url = f"{person.environment['PYPI_PUBLISH_INDEX_URL']}simple/".replace("://", f"://{USER}@")
    assert f"global.index-url: {url}" in output
    assert not person.secrets()
    person.config("pip", "--remove")
    assert "index-url" not in person.run(*PIP, "config", "list").stdout


def test_pip_of_the_active_environment_is_configured_alone(person: Person) -> None:
    venv = person.machine.folder / "venv"
    venv.mkdir()
    somebody = Person(person.machine, {**person.environment, "VIRTUAL_ENV": str(venv)})
    assert f"Wrote {venv}/pip.conf" in somebody.config("pip", "--write").stderr
    assert not (person.machine.home / ".config" / "pip").exists()


def test_uv_locks_and_installs(person: Person) -> None:
    person.config("uv", "--write")
    person.config("uv", "--scope", "project", "--write")
    done = person.run(BIN / "uv", "sync", "--no-install-project", "--no-cache")
    assert done.code == 0, done.everything
    assert 'version = "1.0"' in (person.machine.folder / "uv.lock").read_text()
    assert list(person.machine.folder.glob(".venv/lib/*/site-packages/acme_widgets"))
    assert not person.secrets()


def test_poetry_locks(person: Person) -> None:
    person.config("poetry", "--write")
    with (person.machine.folder / "pyproject.toml").open("a") as file:
        file.write("[tool.poetry]\npackage-mode = false\n")
    done = person.run(CLIENTS / "poetry", "lock")
    assert done.code == 0, done.everything
    assert 'name = "acme-widgets"' in (person.machine.folder / "poetry.lock").read_text()
    assert not person.secrets()


def test_pdm_locks(person: Person) -> None:
    person.config("pdm", "--write")
    done = person.run(CLIENTS / "pdm", "lock")
    assert done.code == 0, done.everything
    assert 'name = "acme-widgets"' in (person.machine.folder / "pdm.lock").read_text()
    assert not person.secrets()


@pytest.mark.parametrize(
    "command",
    [
        [str(BIN / "twine"), "upload", "--non-interactive", "-r", "acme", "dist/acme_tools-1.0-py3-none-any.whl"],
        [str(CLIENTS / "hatch"), "--no-interactive", "publish", "-r", "URL", "dist/acme_tools-1.0-py3-none-any.whl"],
        [str(CLIENTS / "flit"), "publish", "--repository", "acme", "--format", "wheel"],
    ],
    ids=["twine", "hatch", "flit"],
)
def test_publishers_know_the_index_by_name(person: Person, index: RunningIndex, command: list[str]) -> None:
    shutil.rmtree(person.machine.folder)
    project = make_project(person.machine.folder, "acme-tools", backend="flit_core")
    (project / "dist").mkdir()
    make_wheel(project / "dist", "acme_tools")
    person.config("pypirc", "--name", "acme", "--write")
    done = person.run(*(index.url if word == "URL" else word for word in command))
    assert done.code == 0, done.everything
    assert Client(index.url, (USER, PASSWORD)).filenames("acme-tools") == ["acme_tools-1.0-py3-none-any.whl"]
    assert not person.secrets()


def test_an_embedded_password_is_the_owners_alone(person: Person) -> None:
    for tool in ("pip", "netrc", "pypirc", "poetry"):
        insisting = ["--only-index"] if tool == "pip" else []
        shown = person.config(tool, "--write", "--embed-credentials", "--name", "acme", *insisting).everything
        assert PASSWORD not in shown
        assert "correct%20horse" not in shown
    files = [
        *person.secrets(),
        person.machine.home / ".config" / "pip" / "pip.conf",
    ]
    assert len(files) == 4
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    environment = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    done = person.run(*PIP, "install", "--no-deps", "--target", "there", "acme-widgets", **environment)
    assert done.code == 0, done.everything


def test_variables_for_a_job(person: Person) -> None:
    lines = "".join(person.config(tool, "--env", "--name", "acme").stdout for tool in ("pip", "uv", "poetry", "pypirc"))
    assert PASSWORD not in lines
    script = f'set -eu\n{lines}\nexec "$@"'
    given = {"PYPI_PUBLISH_USERNAME": USER, "PYPI_PUBLISH_PASSWORD": PASSWORD}
    done = person.run("/bin/sh", "-c", script, "sh", "/usr/bin/env", **given)
    values = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert (
        values["POETRY_HTTP_BASIC_ACME_PASSWORD"]
        == values["UV_INDEX_ACME_PASSWORD"]
        == values["TWINE_PASSWORD"]
        == PASSWORD
    )
    assert values["PIP_INDEX_URL"] == f"{person.environment['PYPI_PUBLISH_INDEX_URL']}simple/"


def test_all_tools_at_once(person: Person) -> None:
    path = os.pathsep.join([str(BIN), str(CLIENTS), "/usr/bin", "/bin"])
    somebody = Person(person.machine, {**person.environment, "PATH": path})
    output = somebody.config("--all", "--write").stderr
    assert "pip is not changed" in output
    assert "does not pass public packages on, so pip would no longer install any" in output
    written = {".config/uv/uv.toml", ".pypirc"}
    assert not (person.machine.home / ".config/pip").exists()
    assert all((person.machine.home / name).exists() for name in written)
    text = (person.machine.folder / "pyproject.toml").read_text()
    assert "[[tool.poetry.source]]" in text
    assert "[[tool.pdm.source]]" in text
    assert not person.secrets()
    somebody.config("--all", "--remove")
    assert not any((person.machine.home / name).exists() for name in written)
    assert (person.machine.folder / "pyproject.toml").read_text() == PROJECT
