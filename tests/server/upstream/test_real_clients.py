"""Installers of several ages through an index that passes public packages on; each starts a foreign tool."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.cases import main_and_wide
from tests.helpers.index import RunningIndex
from tests.helpers.tool import Result, run
from tests.helpers.upstream import FakeUpstream, fake_upstream
from tests.server.test_clients import CLIENTS, OLD_PIPS

EARLY, LATE = "2024-01-01T00:00:00.000000Z", "2025-01-01T00:00:00.000000Z"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeUpstream]:
    """Return a public index with two releases of `friend`, the second of which needs a newer Python."""
    folder = tmp_path_factory.mktemp("public")
    with fake_upstream() as running:
        running.add(folder, "friend", "1.0", uploaded=EARLY)
        running.add(folder, "friend", "2.0", uploaded=LATE)
        running.add(folder, "friend", "3.0", uploaded=LATE, extra={"requires-python": ">=4"})
        running.add(folder, "friend", "4.0", uploaded=LATE, extra={"yanked": "broken"})
        yield running


@pytest.fixture(scope="module")
def index(fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    running = _start(tmp_path_factory.mktemp("index"), fake)
    yield running
    assert running.stop() == 0


def _start(folder: Path, fake: FakeUpstream, port: str = "0") -> RunningIndex:
    """Start an index, with an empty cache."""
    cache = str(folder / f"cache-{port}")
    place = ("--upstream", f"{fake.url}simple/", "--upstream-cache", cache, "-a", "update", "--port", port)
    return RunningIndex.start(folder, *place)


@pytest.fixture(autouse=True)
def _index_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_DEFAULT_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))


def _installed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.dist-info"))


def _expect(result: Result) -> Result:
    assert result.code == 0, result.everything
    return result


@pytest.mark.parametrize("version", main_and_wide(OLD_PIPS, min(OLD_PIPS)))
def test_old_pips(index: RunningIndex, tmp_path: Path, version: str) -> None:
    if sys.version_info[1] > OLD_PIPS[version]:
        pytest.skip(f"pip {version} does not run on this Python")
    pip = next((Path(sys.executable).parents[1] / "wheels/pips").glob(f"pip-{version}-*.whl"))
    env = {"PYTHONPATH": str(pip), "PIP_CONFIG_FILE": os.devnull}
    place = ["--index-url", f"{index.url}simple/", "--target", str(tmp_path / "there")]
    _expect(run([sys.executable, "-W", "ignore", "-m", "pip", "install", "-q", *place, "friend"], env=env))
    assert _installed(tmp_path / "there") == ["friend-2.0.dist-info"]


def test_dates(index: RunningIndex, tmp_path: Path) -> None:
    place = (f"{index.url}simple/", "--target")
    _expect(
        run(
            [
                "uv",
                "pip",
                "install",
                "--exclude-newer",
                "2024-06-01",
                "--default-index",
                *place,
                str(tmp_path / "uv"),
                "friend",
            ]
        )
    )
    pip = [sys.executable, "-m", "pip", "install", "--uploaded-prior-to", "2024-06-01T00:00:00Z", "--index-url"]
    _expect(run([*pip, *place, str(tmp_path / "pip"), "friend"]))
    for tool in ("uv", "pip"):
        assert _installed(tmp_path / tool) == ["friend-1.0.dist-info"]


def test_an_exact_pin_takes_a_yanked_file(index: RunningIndex, tmp_path: Path) -> None:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--index-url",
        f"{index.url}simple/",
        "--target",
        str(tmp_path / "pip"),
    ]
    done = _expect(run([*pip, "friend==4.0"]))
    assert "broken" in done.everything


@pytest.mark.wide
def test_pipenv_locks_and_a_cold_index_without_its_cache_installs_the_lock(fake: FakeUpstream, tmp_path: Path) -> None:
    index = _start(tmp_path / "index", fake)
    (tmp_path / "Pipfile").write_text(
        f'[[source]]\nname = "private"\nurl = "{index.url}simple/"\nverify_ssl = false\n[packages]\nfriend = "*"\n'
    )
    env = {
        "PATH": os.pathsep.join([str(CLIENTS), "/usr/bin", "/bin"]),
        "VIRTUAL_ENV": "",
        "PIPENV_VENV_IN_PROJECT": "1",
        "PIPENV_IGNORE_VIRTUALENVS": "1",
        "PIPENV_PYTHON": sys.executable,
    }
    _expect(run([str(CLIENTS / "pipenv"), "lock"], cwd=tmp_path, env=env))
    lock = json.loads((tmp_path / "Pipfile.lock").read_text())
    assert lock["default"]["friend"]["version"] == "==2.0"
    assert index.stop() == 0
    index = _start(tmp_path / "index", fake, index.url.rpartition(":")[2].rstrip("/"))
    try:
        _expect(run([str(CLIENTS / "pipenv"), "sync"], cwd=tmp_path, env=env))
    finally:
        assert index.stop() == 0
    assert _installed(next(tmp_path.glob(".venv/lib/*/site-packages")))
