"""
One URL for everything, as `pypi-publish config --all --write` sets it up: private packages need public ones.

The public index is a fake one that only the private index knows, so a tool that asks anybody else fails. Every test
starts foreign tools more than once, which takes seconds.
"""

import os
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.dists import make_wheel, metadata
from tests.helpers.index import RunningIndex
from tests.helpers.tool import pypi_publish
from tests.helpers.upstream import FakeUpstream, fake_upstream
from tests.machine.conftest import CLIENTS, PASSWORD, USER, LogIn, Person
from tests.machine.tools.test_tools import BIN, PIP, PROJECT

YOUNG = "2999-01-01T00:00:00Z"


class OneUrl:
    """A private index with acme-widgets, which needs the public project `friend`; it can be started anew, cold."""

    def __init__(self, folder: Path, fake: FakeUpstream) -> None:
        self.fake = fake
        needing = metadata("acme_widgets", "1.0", "Requires-Dist: friend>=1\n")
        fake.add(folder, "friend", "1.0")
        fake.add(folder, "friend", "2.0", uploaded=YOUNG)
        self._folder = folder
        self.index = self._start()
        make_wheel(self.index.root, metadata_bytes=needing)

    def _start(self) -> RunningIndex:
        port = self.index.url.rpartition(":")[2].rstrip("/") if hasattr(self, "index") else "0"
        cache = str(self._folder / "cache")
        place = ("--upstream", f"{self.fake.url}simple/", "--cooldown", "3d", "--upstream-cache", cache, "-p", port)
        index = RunningIndex.start(self._folder, *place)
        index.add_user(USER, PASSWORD)
        return index

    def restart(self, *, with_cache: bool) -> None:
        """Start the index at the same URL, with nothing in memory, and with the cache or without it."""
        assert self.index.stop() == 0
        if not with_cache:
            shutil.rmtree(self._folder / "cache")
        self.index = self._start()


@pytest.fixture(scope="module")
def one_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneUrl]:
    with fake_upstream() as fake:
        made = OneUrl(tmp_path_factory.mktemp("one-url"), fake)
        yield made
        assert made.index.stop() == 0


@pytest.fixture
def person(log_in: LogIn, one_url: OneUrl) -> Person:
    """A person who logged in and ran the one command."""
    person = log_in(one_url.index)
    (person.machine.folder / "pyproject.toml").write_text(f"{PROJECT}[tool.poetry]\npackage-mode = false\n")
    path = os.pathsep.join([str(BIN), str(CLIENTS), "/usr/bin", "/bin"])
    person = Person(person.machine, {**person.environment, "PATH": path})
    person.config("--all", "--write")
    return person


def _installed(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.dist-info")} & {
        "acme_widgets-1.0.dist-info",
        "friend-1.0.dist-info",
        "friend-2.0.dist-info",
    }


BOTH = {"acme_widgets-1.0.dist-info", "friend-1.0.dist-info"}


def _run(person: Person, *command: str | Path) -> None:
    done = person.run(*command)
    assert done.code == 0, done.everything


def _lock(person: Person, name: str) -> Any:
    return tomllib.loads((person.machine.folder / name).read_text())


def test_pip(person: Person) -> None:
    _run(person, *PIP, "install", "--no-cache-dir", "--target", "there", "acme-widgets")
    assert _installed(person.machine.folder / "there") == BOTH


def test_uv_locks_and_a_cold_index_without_its_cache_installs_the_lock_of_old_releases_alone(
    person: Person, one_url: OneUrl
) -> None:
    _run(person, BIN / "uv", "lock", "--no-cache")
    friend = next(package for package in _lock(person, "uv.lock")["package"] if package["name"] == "friend")
    assert friend["wheels"][0]["url"].startswith(f"{one_url.index.url}-/public/")
    assert friend["wheels"][0]["upload-time"] == "2024-01-01T00:00:00Z"
    one_url.restart(with_cache=False)
    sync = (BIN / "uv", "sync", "--frozen", "--no-install-project", "--no-cache")
    _run(person, *sync)
    assert _installed(person.machine.folder / ".venv") == BOTH
    lock = person.machine.folder / "uv.lock"
    old, young = one_url.fake.projects["friend"]
    of_the_young = lock.read_text().replace('name = "friend"\nversion = "1.0"', 'name = "friend"\nversion = "2.0"')
    its_tail, other_tail = (file.path.removeprefix("/packages") for file in (old, young))
    of_the_young = of_the_young.replace(its_tail, other_tail).replace(old.sha256, young.sha256)
    lock.write_text(of_the_young)
    refused = person.run(*sync)
    assert refused.code != 0
    assert "the cooldown of 3 days hides it until 2999-01-04" in " ".join(refused.everything.split())


def test_poetry_locks_and_a_cold_index_installs_the_lock(person: Person, one_url: OneUrl) -> None:
    _run(person, CLIENTS / "poetry", "lock")
    one_url.restart(with_cache=True)
    _run(person, BIN / "uv", "venv", "--quiet", ".venv")
    _run(person, CLIENTS / "poetry", "sync", "--no-root", "--no-cache")
    assert _installed(person.machine.folder / ".venv") == BOTH


def test_pdm_locks_and_a_cold_index_installs_the_lock(person: Person, one_url: OneUrl) -> None:
    _run(person, CLIENTS / "pdm", "lock")
    one_url.restart(with_cache=True)
    _run(person, CLIENTS / "pdm", "sync", "--no-self")
    assert _installed(person.machine.folder / ".venv") == BOTH


def test_an_old_lock_file_that_passes_the_index_by_is_found_and_fixed(person: Person, one_url: OneUrl) -> None:
    _run(person, BIN / "uv", "lock", "--no-cache")
    lock = person.machine.folder / "uv.lock"
    ours, theirs = one_url.index.url, "https://public.example/"
    before, name, public = lock.read_text().partition('name = "friend"\n')
    lock.write_text(before + name + public.replace(f"{ours}-/public/", f"{theirs}packages/").replace(ours, theirs))
    found = person.run(BIN / "pypi-publish", "doctor", "--json").stdout
    assert "uv.lock names public.example 1 times" in found
    _run(person, BIN / "uv", "lock", "--refresh", "--no-cache")
    assert theirs not in lock.read_text()


def test_a_job_on_github_learns_it(one_url: OneUrl, tmp_path: Path) -> None:
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ENV": str(tmp_path / "env"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "RUNNER_TEMP": str(tmp_path),
        "INPUT_INDEX_URL": one_url.index.url,
        "INPUT_USERNAME": USER,
        "INPUT_PASSWORD": PASSWORD,
    }
    done = pypi_publish("action", "configure", env=environment)
    assert done.code == 0, done.everything
    summary = (tmp_path / "summary").read_text()
    assert "passed on once they are 3 days old, so this URL is the only one" in summary
    assert one_url.index.url in summary
    assert "PIP_INDEX_URL" in (tmp_path / "env").read_text()
