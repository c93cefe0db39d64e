"""The lines on a project's page, run as they are printed with the tools that they are for."""

import html
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.helpers.tool import run

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


def _panel(index: RunningIndex, tool: str, version: str = "") -> list[str]:
    """Return the code blocks that a page shows for a tool."""
    page = Client(index.url, None).get(f"projects/typed-in/{version}").text
    panel = re.search(rf'<label for="install-{tool}">.*?(?=<label|</fieldset>)', page, re.DOTALL)
    assert panel is not None
    return [html.unescape(code) for code in re.findall(r"<code>([^<]*)</code></pre>", panel[0])]


def _type(lines: str, folder: Path, **variables: str) -> None:
    home = folder.parent / "home"
    environment = {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(CLIENTS), str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
        "VIRTUAL_ENV": "",
        "PIP_NO_INDEX": "",
        "PIP_FIND_LINKS": "",
        "UV_DEFAULT_INDEX": "",
        "UV_FIND_LINKS": "",
        "UV_CACHE_DIR": str(home / "uv-cache"),
        **variables,
    }
    for line in lines.splitlines():
        done = run(["/bin/sh", "-c", line], cwd=folder, env=environment)
        assert done.code == 0, done.everything


def test_pip(open_index: RunningIndex, project: Path) -> None:
    (line,) = _panel(open_index, "pip")
    assert line == f"pip install --index-url {open_index.url}simple/ typed-in"
    _type(line, project, PIP_TARGET=str(project / "there"), PIP_NO_CACHE_DIR="1")
    assert (project / "there/typed_in-2.0.dist-info").is_dir()
    (older,) = _panel(open_index, "pip", "1.0/")
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
