"""Several projects of one repository: which they are, in which order they go, and how a run is finished."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import ConfigurationError
from publisher.project.git import is_changed_since, last_change
from publisher.project.workspace import find_projects
from tests.conftest import PASSWORD, USER
from tests.helpers.index import RunningIndex, running_index
from tests.helpers.projects import commit, git, make_project
from tests.helpers.tool import pypi_publish
from tests.helpers.waiting import eventually


def _project(folder: Path, table: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{folder.name}"\nversion = "1.0"\n{table}')
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder with four projects, one of them private, and a folder that is no project."""
    for name in ("packages/one", "packages/two", "libraries/three"):
        _project(tmp_path / name)
    _project(tmp_path / "packages/secret", 'classifiers = ["Private :: Do Not Upload"]\n')
    (tmp_path / "packages/notes").mkdir()
    return tmp_path


def _found(root: Path, text: str) -> list[str]:
    (root / "pyproject.toml").write_text(text)
    return [project.relative_to(root).as_posix() for project in find_projects([root])]


@pytest.mark.parametrize(
    ("text", "projects"),
    [
        ('[tool.pypi-publish]\npackages = ["packages/*"]\n', ["packages/one", "packages/two"]),
        (
            '[tool.pypi-publish]\npackages = ["libraries/three", "packages/*", "!*/one"]\n',
            ["libraries/three", "packages/two"],
        ),
        ('[tool.pypi-publish]\npackages = [".", "**/three"]\n[project]\nname = "root"\n', [".", "libraries/three"]),
        ('[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/two"]\n', ["packages/one"]),
        ('[tool.uv.workspace]\nmembers = ["packages/*"]\n[project]\nname = "root"\n', ["."]),
        (
            '[project]\nname = "root"\n[tool.uv]\npackage = false\nworkspace.members = ["packages/*"]\n',
            ["packages/one", "packages/two"],
        ),
        (
            '[tool.hatch.envs.default]\nworkspace.members = ["packages/*", {path = "libraries/three"}]\n',
            ["packages/one", "packages/two", "libraries/three"],
        ),
        ('[project]\nname = "root"\n', ["."]),
    ],
)  # fmt: skip
def test_a_root_stands_for_its_projects(repository: Path, text: str, projects: list[str]) -> None:
    assert _found(repository, text) == projects


def test_folders_that_are_given_are_taken_once_and_as_they_are(repository: Path) -> None:
    secret, one = repository / "packages/secret", repository / "packages/one"
    assert find_projects([secret, one, secret]) == [secret, one]


def test_a_project_that_uv_does_not_build_is_left_out(repository: Path) -> None:
    (repository / "packages/one/pyproject.toml").write_text('[project]\nname = "one"\n[tool.uv]\npackage = false\n')
    assert _found(repository, '[tool.pypi-publish]\npackages = ["packages/*"]\n') == ["packages/two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('packages = ["nothing/*"]', r"'nothing/\*' matches"),
        ('packages = ["packages/notes"]', "has a pyproject"),
        ('packages = ["packages/secret"]', "contains no project to publish"),
        ('packages = "packages/*"', "a list of folders"),
        ("packages = []", "a list of folders"),
        ("packages = [1]", "a list of folders"),
    ],
)
def test_a_root_that_names_no_project_is_reported(repository: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        _found(repository, f"[tool.pypi-publish]\n{text}\n")


def test_git_finds_changes_and_their_times(repository: Path) -> None:
    one, two = repository / "packages/one", repository / "packages/two"
    assert last_change(one) is None
    with pytest.raises(ConfigurationError, match="can't compare"):
        is_changed_since(one, "HEAD")
    first = commit(repository, "2024-05-06T07:08:09Z")
    (one / "module.py").touch()
    assert (is_changed_since(one, first), is_changed_since(two, first)) == (True, False)
    assert last_change(one) is None
    commit(repository, "2024-06-06T07:08:09Z")
    settled = [last_change(folder) for folder in (one, two)]
    assert [str(when) for when in settled] == ["2024-06-06 07:08:09+00:00", "2024-05-06 07:08:09+00:00"]
    assert is_changed_since(one, first)
    with pytest.raises(ConfigurationError, match="no-such-tag"):
        is_changed_since(one, "no-such-tag")


def test_a_merge_is_a_change_at_its_own_time(repository: Path) -> None:
    commit(repository, "2024-01-01T00:00:00Z")
    git(repository, "checkout", "-q", "-b", "side")
    (repository / "packages/one/module.py").touch()
    commit(repository, "2024-02-02T00:00:00Z")
    git(repository, "checkout", "-q", "-")
    date = "2024-03-03T00:00:00Z"
    git(repository, "merge", "-q", "--no-ff", "-m", "x", "side", GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
    assert str(last_change(repository / "packages/one")) == "2024-03-03 00:00:00+00:00"
    assert str(last_change(repository / "packages/two")) == "2024-01-01 00:00:00+00:00"


def _workspace(root: Path, prefix: str, names: list[str], table: str = "") -> Path:
    """Write projects each of which requires the next, and the root that names them."""
    for name, needed in zip(names, [*names[1:], None], strict=True):
        folder = make_project(root / "packages" / name, f"{prefix}-{name}", backend="flit_core")
        requires = f'dependencies = ["{prefix}-{needed}>=1"]\n' if needed else ""
        text = (folder / "pyproject.toml").read_text()
        (folder / "pyproject.toml").write_text(text.replace("[project.scripts]", f"{requires}\n[project.scripts]"))
    (root / "pyproject.toml").write_text(f'[tool.pypi-publish]\npackages = ["packages/*"]\n{table}')
    return root


def _statuses(report: Any) -> dict[str, int]:
    states = [file["status"] for file in report["files"]]
    return {state: states.count(state) for state in set(states)}


def _unchanged(report: Any) -> list[str]:
    return [project["name"] for project in report["projects"] if project["unchanged"]]


def test_a_workspace_is_published_and_unchanged_projects_are_not_built_again(
    index: RunningIndex, tmp_path: Path
) -> None:
    # slow (real builds): the way of a repository with several projects from release to release
    root = _workspace(tmp_path / "repository", "ws", ["top", "middle", "base"], 'username = "ada"\n')
    commit(root, "2024-05-06T07:08:09Z")
    first = pypi_publish(root, "--json", env={"PYPI_PUBLISH_USERNAME": ""})
    assert first.code == 0, first.stderr
    assert (_statuses(first.json), _unchanged(first.json)) == ({"uploaded": 6}, [])
    assert first.stderr.index("Uploaded ws_base-1.0-py3") < first.stderr.index("Uploaded ws_middle-1.0-py3")
    assert first.stderr.index("Uploaded ws_middle-1.0-py3") < first.stderr.index("Uploaded ws_top-1.0-py3")

    middle = root / "packages/middle"
    (middle / "pyproject.toml").write_text((middle / "pyproject.toml").read_text().replace('"1.0"', '"1.1"'))
    (middle / "src/ws_middle/__init__.py").write_text('"""Changed."""\n')
    commit(root)
    second = pypi_publish(root, "--json", cwd=root)
    assert second.code == 0, second.stderr
    assert {file["filename"] for file in second.json["files"] if file["status"] == "uploaded"} == {
        "ws_middle-1.1-py3-none-any.whl",
        "ws_middle-1.1.tar.gz",
    }
    assert _unchanged(second.json) == ["ws-base", "ws-top"]
    assert "ws-top 1.0" in second.stderr
    assert "unchanged, not built" in second.stderr

    nothing = pypi_publish("--since", "HEAD", "--json", cwd=root)
    assert (nothing.code, nothing.json["files"], nothing.json["published"]) == (0, [], False)
    assert "Nothing to publish" in nothing.stderr
    since = pypi_publish("--since", "HEAD~1", "--json", cwd=root)
    assert {file["project"] for file in since.json["files"]} == {"ws-middle"}
    assert index.url


def test_projects_whose_version_is_in_their_code_are_left_out_too(index: RunningIndex, tmp_path: Path) -> None:
    # slow (real builds): such a version is known only after the build, which then has the time of a later commit
    root = _workspace(tmp_path / "repository", "code", ["top", "base"])
    for name in ("top", "base"):
        folder = root / "packages" / name
        text = (folder / "pyproject.toml").read_text()
        (folder / "pyproject.toml").write_text(text.replace('version = "1.0"', 'dynamic = ["version"]', 1))
        (folder / f"src/code_{name}/__init__.py").write_text('"""A module."""\n__version__ = "1.0"\n')
    commit(root, "2024-05-06T07:08:09Z")
    assert pypi_publish(root).code == 0

    (root / "packages/top/src/code_top/__init__.py").write_text('"""A module."""\n__version__ = "1.1"\n')
    commit(root)
    second = pypi_publish(root, "--json")
    assert second.code == 0, second.stderr
    assert (_statuses(second.json), _unchanged(second.json)) == ({"uploaded": 2, "unchanged": 2}, ["code-base"])

    (root / "packages/base/src/code_base/__init__.py").write_text('"""Changed."""\n__version__ = "1.0"\n')
    commit(root, "2099-01-01T00:00:00Z")
    assert pypi_publish(root).code == 5
    assert index.url


def test_a_change_without_a_new_version_is_a_conflict(index: RunningIndex, tmp_path: Path) -> None:
    # slow (real builds): what is not built must not hide what should have got a version
    root = _workspace(tmp_path / "repository", "same", ["top", "base"])
    commit(root, "2024-05-06T07:08:09Z")
    assert pypi_publish(root).code == 0
    (root / "packages/top/src/same_top/__init__.py").write_text('"""Changed."""\n__version__ = "1.0"\n')
    assert pypi_publish(root).code == 5
    commit(root, "2099-01-01T00:00:00Z")
    changed = pypi_publish(root)
    assert changed.code == 5
    assert "Nothing was published" in changed.stderr
    assert index.url


@pytest.mark.usefixtures("index")
def test_a_build_that_fails_names_its_project_and_nothing_is_sent(index: RunningIndex, tmp_path: Path) -> None:
    root = _workspace(tmp_path / "repository", "bad", ["top", "base"])
    (root / "packages/base/src/bad_base/__init__.py").unlink()
    result = pypi_publish(root)
    assert result.code == 3
    assert f"{root / 'packages/base'}: The build backend could not build the sdist" in result.stderr
    assert not list(index.root.glob("bad_*"))


@pytest.fixture
def own_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningIndex]:
    with running_index(tmp_path / "index", USER, PASSWORD) as running:
        monkeypatch.setenv("PYPI_PUBLISH_INDEX_URL", running.url)
        monkeypatch.setenv("PYPI_PUBLISH_USERNAME", USER)
        monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", PASSWORD)
        yield running


@pytest.mark.wide
def test_a_run_over_20_projects_that_is_killed_in_the_middle_is_finished_by_the_next(
    own_index: RunningIndex, tmp_path: Path
) -> None:
    # slow (20 projects are built twice): the promise to repositories with many projects
    root = _workspace(tmp_path / "repository", "many", [f"p{number:02}" for number in range(20)])
    for number in range(20):  # large enough to be on their way for a moment
        (root / f"packages/p{number:02}/src/many_p{number:02}/data").write_bytes(os.urandom(500_000))
    commit(root, "2024-05-06T07:08:09Z")
    temporary = {**os.environ, "TMPDIR": str(tmp_path)}  # a killed run can't remove its folders
    with subprocess.Popen([sys.executable, "-m", "publisher.cli.main", "-q", str(root)], env=temporary) as process:
        assert eventually(lambda: len(list(own_index.root.glob("*.whl"))) >= 5, step=0.001, patience=120)
        process.send_signal(signal.SIGKILL)
    there = {path.name for path in own_index.root.glob("many_*")}
    assert 5 <= len(there) < 40
    wheels = {name.partition("-")[0] for name in there if name.endswith(".whl")}
    assert wheels == {f"many_p{number:02}" for number in range(20 - len(wheels), 20)}  # what is required went first

    done = pypi_publish(root, "--json")
    assert done.code == 0, done.stderr
    assert sorted(path.name for path in own_index.root.glob("many_*")) == sorted(
        f"many_p{number:02}-1.0{suffix}" for number in range(20) for suffix in ("-py3-none-any.whl", ".tar.gz")
    )
    assert 0 < len(_unchanged(done.json)) < 20
    assert _statuses(done.json)["uploaded"] == 40 - len(there)
