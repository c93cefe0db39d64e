"""Repositories whose hooks come from a clone of this one, through pre-commit and prek as people run them."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.helpers.index import RunningIndex, running_index
from tests.helpers.projects import commit, git, make_project
from tests.helpers.released import copy_checkout
from tests.helpers.tool import Result, run

BIN = Path(sys.executable).parent
USER, PASSWORD = "ada", "correct horse"
HOOKS = ("pypi-publish-check", "pypi-publish-version", "pypi-publish-build")


@dataclass(frozen=True)
class Repository:
    """A project with hooks, and a bare repository that it pushes to."""

    folder: Path
    runner: str
    environment: dict[str, str]

    def hooks(self, *arguments: str, **more: str) -> Result:
        """Run pre-commit or prek."""
        return run([str(BIN / self.runner), *arguments], cwd=self.folder, env={**self.environment, **more})

    def git(self, *arguments: str, **more: str) -> Result:
        """Run git, which runs the installed hooks."""
        who = ["-c", "user.name=Tests", "-c", "user.email=tests@example.invalid"]
        return run(["git", *who, *arguments], cwd=self.folder, env={**self.environment, **more})

    def change(self, name: str, before: str, after: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of all workers of this run: the environments of hooks are made in it once."""
    own = tmp_path_factory.getbasetemp()
    place = (own if worker_id == "master" else own.parent) / "hooks"
    place.mkdir(exist_ok=True)
    return place


@pytest.fixture(scope="session")
def hooks_repository(shared: Path) -> Path:
    """A clone of this repository, with what this checkout holds."""
    place = shared / "repository"
    with FileLock(shared / "repository.lock"):
        if not place.is_dir():
            copy_checkout(place)
    return place


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIndex]:
    with running_index(tmp_path_factory.mktemp("index"), USER, PASSWORD) as index:
        yield index


@pytest.fixture(params=[pytest.param("pre-commit", marks=pytest.mark.wide), "prek"])
def repository(
    request: pytest.FixtureRequest, tmp_path: Path, shared: Path, hooks_repository: Path, index: RunningIndex
) -> Repository:
    """A repository with all hooks, installed for commits and pushes, whose first commit was pushed."""
    name = f"hooked-{tmp_path.name.replace('_', '-').strip('-')}"
    folder = make_project(tmp_path / "repository", name, table=f'index-url = "{index.url}"')
    listed = "".join(f"      - id: {hook}\n" for hook in HOOKS)
    (folder / ".pre-commit-config.yaml").write_text(
        "default_install_hook_types: [pre-commit, pre-push]\nrepos:\n"
        f"  - repo: {hooks_repository}\n    rev: {git(hooks_repository, 'rev-parse', 'HEAD')}\n    hooks:\n{listed}"
    )
    git(folder, "init", "--quiet")
    commit(folder)
    git(tmp_path, "init", "--quiet", "--bare", "origin")
    git(folder, "remote", "add", "origin", str(tmp_path / "origin"))
    git(folder, "push", "--quiet", "origin", "HEAD:main")
    environment = {
        "PRE_COMMIT_HOME": str(shared / "pre-commit"),
        "PREK_HOME": str(shared / "prek"),
        "UV_OFFLINE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_CACHE_DIR": str(shared / "uv-cache"),
        "PYPI_PUBLISH_USERNAME": USER,
        "PYPI_PUBLISH_PASSWORD": PASSWORD,
        "NO_COLOR": "1",
    }
    found = Repository(folder, request.param, environment)
    with FileLock(shared / f"{request.param}.lock", timeout=300):  # prek does not wait for another one that installs
        done = found.hooks("install", "--install-hooks")
    assert done.code == 0, done.everything
    assert os.access(folder / ".git" / "hooks" / "pre-push", os.X_OK)
    return found
