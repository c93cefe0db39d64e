"""The lines on a project's page, run as they are printed with the tools that they are for."""

import html
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.server.web.setup_lines import index_lines, index_name, with_login
from tests.helpers.dists import make_wheel, metadata
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex, running_index
from tests.helpers.terminal import typed_in
from tests.helpers.tool import run
from tests.helpers.upstream import fake_upstream
from tests.server.conftest import PASSWORD, USER

CLIENTS = Path(sys.executable).parents[1] / "clients/bin"
PROJECT = '[project]\nname = "user"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = []\n'

# every test here is slow: it starts a foreign tool, some more than once


@pytest.fixture(scope="module")
def open_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    index = RunningIndex.start(tmp_path_factory.mktemp("open"), "--authenticate", "update")
    index.root.mkdir(exist_ok=True)
    make_wheel(index.root, "typed_in", "1.0")
    make_wheel(index.root, "typed_in", "2.0")
    yield index
    index.kill()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    return folder


@pytest.fixture(scope="module")
def passing_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    """Serve an index that one URL is enough for: public packages come from it too."""
    folder = tmp_path_factory.mktemp("passing-on")
    with fake_upstream() as fake:
        fake.add(folder, "public_one")
        place = ("--upstream", f"{fake.url}simple/", "--upstream-cache", str(folder / "cache"))
        index = RunningIndex.start(folder, *place, "--authenticate", "update")
        make_wheel(
            index.root, "typed_in", "2.0", metadata_bytes=metadata("typed_in", "2.0", "Requires-Dist: public-one\n")
        )
        yield index
        index.kill()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    """Serve an index that asks everyone who installs for an account."""
    with running_index(tmp_path_factory.mktemp("closed"), USER, PASSWORD) as index:
        make_wheel(index.root, "typed_in", "2.0")
        yield index


def _panel(index: RunningIndex, tool: str, path: str = "projects/typed-in/") -> list[str]:
    """Return the code blocks that a page shows for a tool."""
    account = (USER, PASSWORD) if index.htpasswd.exists() else None
    page = Client(index.url, account).get(path).text
    panel = re.search(rf'<label for="(?:install|tool)-{tool}">.*?(?=<label|</fieldset>)', page, re.DOTALL)
    assert panel is not None
    return [html.unescape(code) for code in re.findall(r"<code>([^<]*)</code></pre>", panel[0])]


def _type(lines: str, folder: Path, **variables: str) -> None:
    for line in lines.splitlines():
        done = run(["/bin/sh", "-c", line], cwd=folder, env=_environment(folder, **variables))
        assert done.code == 0, done.everything


def _converse(line: str, folder: Path, conversation: list[tuple[str, str]], **variables: str) -> None:
    environment = _environment(folder, **variables)
    shown, code = typed_in(["/bin/sh", "-c", f"cd {shlex.quote(str(folder))} && {line}"], conversation, environment)
    assert code == 0, shown


def _environment(folder: Path, **variables: str) -> dict[str, str]:
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(CLIENTS), str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
        "VIRTUAL_ENV": "",
        "PIP_NO_INDEX": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": str(home / "pip.conf"),
        "UV_DEFAULT_INDEX": "",
        "UV_FIND_LINKS": "",
        "UV_NO_CONFIG": "0",
        "UV_CACHE_DIR": str(home / "uv-cache"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        **variables,
    }


def test_pip(open_index: RunningIndex, project: Path) -> None:
    (line,) = _panel(open_index, "pip")
    assert line == f"pip install --index-url {open_index.url}simple/ typed-in"
    _type(line, project, PIP_TARGET=str(project / "there"), PIP_NO_CACHE_DIR="1")
    assert (project / "there/typed_in-2.0.dist-info").is_dir()
    (older,) = _panel(open_index, "pip", "projects/typed-in/1.0/")
    _type(older, project, PIP_TARGET=str(project / "older"), PIP_NO_CACHE_DIR="1")
    assert (project / "older/typed_in-1.0.dist-info").is_dir()


def test_uv(open_index: RunningIndex, project: Path) -> None:
    (line,) = _panel(open_index, "uv")
    _type(line, project, UV_PYTHON_DOWNLOADS="never")
    assert list(project.glob(".venv/lib/*/site-packages/typed_in-2.0.dist-info"))


@pytest.mark.skipif(not (CLIENTS / "poetry").exists(), reason="poetry does not install here")
def test_poetry(open_index: RunningIndex, project: Path) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write("[tool.poetry]\npackage-mode = false\n")
    (lines,) = _panel(open_index, "poetry")
    _type(lines, project, POETRY_VIRTUALENVS_IN_PROJECT="true", POETRY_NO_INTERACTION="1")
    assert list(project.glob(".venv/lib/*/site-packages/typed_in-2.0.dist-info"))


@pytest.mark.skipif(not (CLIENTS / "pdm").exists(), reason="pdm does not install here")
def test_pdm(open_index: RunningIndex, project: Path) -> None:
    table, line = _panel(open_index, "pdm")
    with (project / "pyproject.toml").open("a") as file:
        file.write(f"[tool.pdm]\ndistribution = false\n{table}\n")
    _type(line, project, PDM_CHECK_UPDATE="false")
    assert list(project.glob(".venv/lib/*/site-packages/typed_in-2.0.dist-info"))


def _project_installed(project: Path, *names: str) -> bool:
    places = list(project.glob(".venv/lib/*/site-packages"))
    return bool(places) and all((places[0] / f"{name}.dist-info").is_dir() for name in names)


BOTH = ("typed_in-2.0", "public_one-1.0")
"""A package of the index, and the public one that it needs."""


@pytest.mark.wide
def test_pip_and_uv_from_an_index_that_passes_public_packages_on(passing_on: RunningIndex, project: Path) -> None:
    (line,) = _panel(passing_on, "pip", "")
    assert line == f"pip config set global.index-url {passing_on.url}simple/"
    _type(line, project)
    _type("pip install typed-in", project, PIP_TARGET=str(project / "there"), PIP_NO_CACHE_DIR="1")
    assert all((project / "there" / f"{name}.dist-info").is_dir() for name in BOTH)
    (table,) = _panel(passing_on, "uv", "")
    with (project / "pyproject.toml").open("a") as file:
        file.write(f"{table}\n")
    _type("uv add typed-in", project, UV_PYTHON_DOWNLOADS="never")
    assert _project_installed(project, *BOTH)


@pytest.mark.wide
@pytest.mark.parametrize("path", ["", "projects/typed-in/"])
def test_poetry_from_an_index_that_passes_public_packages_on(
    passing_on: RunningIndex, project: Path, path: str
) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write("[tool.poetry]\npackage-mode = false\n")
    (lines,) = _panel(passing_on, "poetry", path)
    settings = {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_NO_INTERACTION": "1"}
    _type(lines if path else f"{lines}\npoetry add typed-in", project, **settings)
    assert _project_installed(project, *BOTH)


@pytest.mark.wide
@pytest.mark.parametrize("path", ["", "projects/typed-in/"])
def test_pdm_from_an_index_that_passes_public_packages_on(passing_on: RunningIndex, project: Path, path: str) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write("[tool.pdm]\ndistribution = false\n")
    (lines,) = _panel(passing_on, "pdm", path)
    _type(lines if path else f"{lines}\npdm add typed-in", project, PDM_CHECK_UPDATE="false")
    assert _project_installed(project, *BOTH)


@pytest.mark.wide
def test_pip_asks_for_an_account_where_the_index_needs_one(closed: RunningIndex, project: Path) -> None:
    (line,) = _panel(closed, "pip")
    conversation = [("User for", USER), ("Password:", PASSWORD), ("Save credentials", "n")]
    _converse(line, project, conversation, PIP_TARGET=str(project / "there"), PIP_NO_CACHE_DIR="1")
    assert (project / "there/typed_in-2.0.dist-info").is_dir()


def test_uv_logs_in_once_where_the_index_needs_an_account(closed: RunningIndex, project: Path) -> None:
    login, line = _panel(closed, "uv")
    assert login == f"uv auth login --username {USER} {closed.url}"
    _converse(login, project, [("assword", PASSWORD)])
    _type(line, project, UV_PYTHON_DOWNLOADS="never")
    assert _project_installed(project, "typed_in-2.0")


@pytest.mark.wide
@pytest.mark.skipif(not (CLIENTS / "poetry").exists(), reason="poetry does not install here")
def test_poetry_logs_in_once_where_the_index_needs_an_account(closed: RunningIndex, project: Path) -> None:
    with (project / "pyproject.toml").open("a") as file:
        file.write("[tool.poetry]\npackage-mode = false\n")
    login, lines = _panel(closed, "poetry")
    _converse(login, project, [("assword", PASSWORD)])
    _type(lines, project, POETRY_VIRTUALENVS_IN_PROJECT="true", POETRY_NO_INTERACTION="1")
    assert _project_installed(project, "typed_in-2.0")


@pytest.mark.wide
@pytest.mark.skipif(not (CLIENTS / "pdm").exists(), reason="pdm does not install here")
def test_pdm_asks_for_an_account_where_the_index_needs_one(closed: RunningIndex, project: Path) -> None:
    table, line = _panel(closed, "pdm")
    with (project / "pyproject.toml").open("a") as file:
        file.write(f"[tool.pdm]\ndistribution = false\n{table}\n")
    _converse(line, project, [("User for", USER), ("assword", PASSWORD), ("Save", "n")], PDM_CHECK_UPDATE="false")
    assert _project_installed(project, "typed_in-2.0")


@pytest.mark.parametrize("passes_on", [False, True])
def test_only_tools_that_ask_by_themselves_have_no_login(passes_on: bool) -> None:  # noqa: FBT001 - a case
    lines = index_lines("https://pypi.acme.example/simple/", "pypi-acme", passes_on=passes_on)
    asking = with_login(lines, "pypi-acme", "https://pypi.acme.example/", "o'hara")
    assert {each.tool: each.login for each in asking} == {
        "pip": "",
        "uv": """uv auth login --username 'o'"'"'hara' https://pypi.acme.example/""",
        "poetry": """poetry config http-basic.pypi-acme 'o'"'"'hara'""",
        "pdm": "",
    }
    asked = [each.tool for each in asking if "for your user name and password" in each.note]
    assert asked == ["pip", "pdm"]
    assert asking[-1].then == ("" if passes_on else "pdm add -v PACKAGE")
    for before, after in zip(lines, asking, strict=True):
        assert after.note.endswith(before.note)
        assert (after.file, after.lines) == (before.file, before.lines)
        assert after.then == before.then.replace("add", "add -v")
        assert not before.login


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("pypi.acme.example", "pypi-acme"),
        ("PyPI.Acme.example:8080", "pypi-acme"),
        ("localhost:8080", "localhost"),
        ("127.0.0.1:8080", "127-0-0-1"),
        ("acme_index.example", "acme-index"),
        ("", "private"),
        ("-.example", "private"),
    ],
)
def test_the_name_of_an_index_is_one_that_every_tool_takes(host: str, name: str) -> None:
    assert index_name(host) == name
