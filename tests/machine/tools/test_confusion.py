"""
A stranger publishes a private package's name on the public index, with a higher version.

Each tool is set up by `pypi-publish config`, and then asked for the package while the private index is in one state or
another: it gets the private version or an error, and never the stranger's. Every cell starts a foreign tool, which
takes a second or more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.cases import main_and_wide
from tests.helpers.dists import make_wheel
from tests.helpers.front import Front, in_front_of
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex, running_index
from tests.helpers.tool import Result
from tests.machine.conftest import CLIENTS, PASSWORD, USER, LogIn, Person
from tests.machine.tools.test_tools import BIN, PIP, PROJECT

STATES = ("unchanged", "401", "404", "503", "deleted", "dependency deleted")
MAIN_STATES = ("unchanged", "deleted")
IN_FEW_STATES = pytest.mark.parametrize(
    "state", main_and_wide(STATES, *MAIN_STATES, campaign={"401", "404", "dependency deleted"}), indirect=True
)
"""The tools that take longest are asked in the other states by hand."""

MODES = ("beside-public", "passes-on", "one-url")
PRIVATE, STRANGE = "1.1.0", "99.0.0"
METADATA = f"Metadata-Version: 2.4\nName: acme-widgets\nVersion: {PRIVATE}\nRequires-Dist: acme-core\n"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    """The public index of every tool here."""
    index = RunningIndex.start(tmp_path_factory.mktemp("public"), "--authenticate", ".")
    make_wheel(index.root, version=STRANGE)
    make_wheel(index.root, "acme_core", STRANGE)
    make_wheel(index.root, "other", "3.0")
    yield index
    index.stop()


@pytest.fixture(scope="module", params=main_and_wide(MODES, "one-url"))
def options(
    request: pytest.FixtureRequest, public: RunningIndex, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """How the private index is started: it leaves public names alone, redirects for them, or passes them on."""
    cache = str(tmp_path_factory.mktemp("cache"))
    chosen = {
        "passes-on": ["--fallback-url", f"{public.url}simple/"],
        "one-url": ["--upstream", f"{public.url}simple/", "--upstream-cache", cache],
    }
    return chosen.get(request.param, [])


@pytest.fixture(scope="module")
def lasting(options: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    """The private index of all cells in which nothing is deleted."""
    with _private(tmp_path_factory.mktemp("private"), options) as index:
        yield index


@pytest.fixture(params=main_and_wide(STATES, *MAIN_STATES))
def state(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def private(state: str, options: list[str], lasting: RunningIndex, tmp_path: Path) -> Iterator[RunningIndex]:
    """The private index of one cell."""
    if not state.endswith("deleted"):
        yield lasting
        return
    with _private(tmp_path / "private", options) as index:
        yield index


@contextmanager
def _private(folder: Path, options: list[str]) -> Iterator[RunningIndex]:
    with running_index(folder, USER, PASSWORD, *options) as index:
        make_wheel(index.root, version=PRIVATE, metadata_bytes=METADATA.encode())
        make_wheel(index.root, "acme_core", PRIVATE)
        yield index


@pytest.fixture
def front(private: RunningIndex) -> Iterator[Front]:
    with in_front_of(private.url) as front:
        yield front


def _person(log_in: LogIn, private: RunningIndex, front: Front) -> Person:
    private.url, own = front.url, private.url
    person = log_in(private)
    private.url = own
    (person.machine.folder / "pyproject.toml").write_text(PROJECT)
    return person


def _turn(state: str, private: RunningIndex, front: Front) -> None:
    """Bring the private index into a state."""
    if state.endswith("deleted"):
        path = f"projects/{'acme-widgets' if state == 'deleted' else 'acme-core'}/{PRIVATE}"
        assert Client(private.url, (USER, PASSWORD)).request("DELETE", path).status_code == 200
    elif state.isdigit():
        front.status = int(state)


def _judge(state: str, done: Result, resolved: Path) -> None:
    found = "".join(path.read_text() for path in [resolved] if path.is_file())
    found += "".join(path.name for path in resolved.glob("*") if resolved.is_dir())
    assert STRANGE not in found, done.everything
    assert (done.code == 0) == (PRIVATE in found), done.everything
    if state == STATES[0]:
        assert done.code == 0, done.everything
    else:
        assert done.code != 0


def test_pip(log_in: LogIn, private: RunningIndex, public: RunningIndex, front: Front, state: str) -> None:
    person = _person(log_in, private, front)
    (person.machine.home / ".config" / "pip").mkdir(parents=True)
    conf = person.machine.home / ".config" / "pip" / "pip.conf"
    conf.write_text(f"[global]\nextra-index-url = {public.url}simple/\n[install]\nindex-url = {public.url}simple/\n")
    person.config("pip", "--write", "--only-index")
    _turn(state, private, front)
    there = person.machine.folder / "there"
    command: list[str | Path] = [
        *PIP,
        "install",
        "--no-cache-dir",
        "--retries",
        "0",
        "--target",
        there,
        "acme-widgets",
    ]
    _judge(state, person.run(*command), there)


def test_uv(log_in: LogIn, private: RunningIndex, public: RunningIndex, front: Front, state: str) -> None:
    person = _person(log_in, private, front)
    person = replace(person, environment={**person.environment, "UV_HTTP_RETRIES": "0"})
    person.config("uv", "--write")
    person.config("uv", "--scope", "project", "--write")
    _turn(state, private, front)
    public_index = {} if "default = true" in _project(person) else {"UV_DEFAULT_INDEX": f"{public.url}simple/"}
    _judge(state, person.run(BIN / "uv", "lock", "--no-cache", **public_index), person.machine.folder / "uv.lock")


@IN_FEW_STATES
def test_poetry(log_in: LogIn, private: RunningIndex, public: RunningIndex, front: Front, state: str) -> None:
    person = _person(log_in, private, front)
    with (person.machine.folder / "pyproject.toml").open("a") as file:
        file.write("[tool.poetry]\npackage-mode = false\n")
    person.config("poetry", "--write")
    if "explicit" in _project(person):
        with (person.machine.folder / "pyproject.toml").open("a") as file:
            file.write(f'[[tool.poetry.source]]\nname = "public"\nurl = "{public.url}simple/"\npriority = "primary"\n')
    _turn(state, private, front)
    _judge(
        state,
        person.run(CLIENTS / "poetry", "lock"),
        person.machine.folder / "poetry.lock",
    )


@IN_FEW_STATES
def test_pdm(log_in: LogIn, private: RunningIndex, public: RunningIndex, front: Front, state: str) -> None:
    person = _person(log_in, private, front)
    person.config("pdm", "--write")
    _turn(state, private, front)
    public_index = {} if 'name = "pypi"' in _project(person) else {"PDM_PYPI_URL": f"{public.url}simple/"}
    _judge(state, person.run(CLIENTS / "pdm", "lock", **public_index), person.machine.folder / "pdm.lock")


def _project(person: Person) -> str:
    return (person.machine.folder / "pyproject.toml").read_text()


def test_the_public_index_is_the_public_index(log_in: LogIn, lasting: RunningIndex, public: RunningIndex) -> None:
    """Without being set up, tools do take the stranger's version: the cells above would notice."""
    person = log_in(lasting)
    there = person.machine.folder / "there"
    command: list[str | Path] = [
        *PIP,
        "install",
        "--no-deps",
        "--target",
        there,
        "--index-url",
        f"{public.url}simple/",
        "acme-widgets",
    ]
    assert person.run(*command).code == 0
    assert (there / f"acme_widgets-{STRANGE}.dist-info").is_dir()
