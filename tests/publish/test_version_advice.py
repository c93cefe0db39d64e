"""Uncommitted files in a release, and advice for versions that git decides, without a build."""

import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

from publisher.errors import BuildFailedError, CheckFailedError
from publisher.project.distributions import Distribution, read_distribution
from publisher.project.git import Uncommitted
from publisher.project.pyproject import Source
from publisher.project.tags import parse_tag
from publisher.publish.worktree import (
    Worktree,
    advice_on_versions,
    read_worktree,
    require_committed,
    untracked_warnings,
    version_advice,
)
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.projects import commit, git

TAG = parse_tag("v1.0")
CLEAN = Uncommitted([], [])


def _worktree(*changed: str, untracked: tuple[str, ...] = (), folder: Path = Path("project")) -> Worktree:
    return Worktree(Source(folder), Uncommitted(changed, untracked))


def test_only_changed_files_in_git_stop_a_release() -> None:
    require_committed([], TAG)
    require_committed([_worktree(), _worktree(untracked=("new",)), Worktree(Source(Path()), None)], TAG)
    with pytest.raises(CheckFailedError) as caught:
        require_committed([_worktree("a"), _worktree("b", folder=Path("other"))], TAG)
    assert caught.value.message == "Uncommitted changes in a release of 'v1.0': project/a, other/b."
    assert "--allow-dirty" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("count", "shown"), [(5, "project/0, project/1, project/2, project/3, project/4."), (7, "project/4 and 2 more.")]
)
def test_five_files_are_named_and_more_are_counted(count: int, shown: str) -> None:
    with pytest.raises(CheckFailedError) as caught:
        require_committed([_worktree(*map(str, range(count)))], TAG)
    assert caught.value.message.endswith(shown)


def _zip_sdist(folder: Path) -> Path:
    path = folder / "acme_widgets-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("acme_widgets-1.0/PKG-INFO", metadata("acme_widgets", "1.0"))
        archive.writestr("acme_widgets-1.0/tools/new.py", "")
    return path


@pytest.fixture
def built(tmp_path: Path) -> dict[str, Distribution]:
    return {
        "wheel": read_distribution(make_wheel(tmp_path, members={"acme_widgets/new.py": b""})),
        "tar": read_distribution(make_sdist(tmp_path, members={"acme_widgets-1.0/tools/new.py": b""})),
        "zip": read_distribution(_zip_sdist(tmp_path)),
    }


@pytest.mark.parametrize(
    ("kind", "untracked", "found"),
    [
        ("wheel", "acme_widgets/new.py", True),
        ("wheel", "src/acme_widgets/new.py", True),
        ("wheel", "lib/acme_widgets/new.py", True),
        ("wheel", "python/acme_widgets/new.py", True),
        ("wheel", "other/acme_widgets/new.py", False),
        ("wheel", "new.py", False),
        ("tar", "tools/new.py", True),
        ("tar", "new.py", False),
        ("zip", "tools/new.py", True),
        ("zip", "acme_widgets-1.0/tools/new.py", False),
        ("tar", "PKG-INFO", False),
        ("tar", "pyproject.toml", True),
    ],
)
def test_untracked_files_count_when_they_are_in_the_package(
    built: dict[str, Distribution], kind: str, untracked: str, *, found: bool
) -> None:
    warnings = list(untracked_warnings([_worktree(untracked=(untracked, "elsewhere"))], [built[kind]]))
    expected = [f"project: the package has files that are not committed: {untracked}"]
    assert warnings == (expected if found else [])


def test_each_project_has_its_own_warning_and_folders_outside_of_git_have_none(built: dict[str, Distribution]) -> None:
    worktrees = [
        _worktree(untracked=("tools/new.py",)),
        Worktree(Source(Path("outside")), None),
        _worktree(untracked=("acme.egg-info/tools/new.py", "__pycache__/x")),
        _worktree(untracked=("tools/new.py",), folder=Path("other")),
    ]
    found = [warning.partition(":")[0] for warning in untracked_warnings(worktrees, [built["tar"]])]
    assert found == ["project", "other"]


def test_a_version_that_is_written_down_needs_no_advice() -> None:
    written = Worktree(Source(Path("project"), None, Version("1.0")), Uncommitted(["a"], []))
    assert version_advice([written, Worktree(Source(Path("outside")), None)], TAG) is None
    assert version_advice([], TAG) is None


def test_uncommitted_changes_are_the_first_reason() -> None:
    advice = version_advice([Worktree(Source(Path("x")), CLEAN), _worktree("a", "b")], TAG)
    assert str(advice).endswith("which sees uncommitted changes: a, b. Commit or discard them.")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "file").write_text("x")
    commit(folder)
    return folder


def test_the_state_of_a_folder_is_read(repository: Path, tmp_path: Path) -> None:
    (repository / "new").write_text("x")
    assert read_worktree(Source(repository)) == Worktree(Source(repository), Uncommitted([], ["new"]))
    assert read_worktree(Source(tmp_path)).uncommitted is None


def test_a_folder_is_committed_without_changes_and_new_files_in_a_repository() -> None:
    folders = [Worktree(Source(Path("x")), CLEAN), _worktree("a"), _worktree(untracked=("new",))]
    assert [each.is_committed for each in [*folders, Worktree(Source(Path()), None)]] == [True, False, False, False]


def test_advice_depends_on_where_the_tag_is(repository: Path) -> None:
    worktrees = [Worktree(Source(repository), CLEAN)]
    assert "which doesn't have the tags here" in str(version_advice(worktrees, TAG))
    assert "Tag the commit to release" in str(version_advice(worktrees, None))
    git(repository, "tag", "v1.0")
    assert "Tag the commit to release" in str(version_advice(worktrees, TAG))
    (repository / "file").write_text("later")
    commit(repository)
    assert "the checked-out commit does not have that tag. Check out the tag." in str(version_advice(worktrees, TAG))


def test_a_clone_without_history_is_advised_to_have_it(repository: Path, tmp_path: Path) -> None:
    (repository / "file").write_text("later")
    commit(repository)
    git(repository, "tag", "v1.0")
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), "clone")
    worktrees = [Worktree(Source(tmp_path / "clone"), CLEAN)]
    assert "`fetch-depth: 0`" in str(version_advice(worktrees, None))
    assert "`fetch-depth: 0`" in str(version_advice(worktrees, TAG))


@pytest.mark.parametrize(
    ("message", "output", "advised"),
    [
        ("failed", "LookupError: it was unable to detect version for x", True),
        ("failed", "raised by setuptools-scm", True),
        ("hatch-vcs failed", "", True),
        ("failed", "There are No Tags", True),
        ("failed", "setuptools_scm", True),
        ("failed", "SyntaxError", False),
    ],
)
def test_a_build_that_fails_for_want_of_a_version_gets_the_advice(message: str, output: str, *, advised: bool) -> None:
    with (
        pytest.raises(BuildFailedError) as caught,
        advice_on_versions([_worktree("a")], TAG),
    ):
        raise BuildFailedError(message, hint="its own", output=output)
    assert ("uncommitted changes: a" in str(caught.value.hint)) is advised
    assert (caught.value.hint == "its own") is not advised


def test_where_no_advice_fits_the_remedy_stays() -> None:
    written = _worktree("a")._replace(source=Source(Path("project"), None, Version("1.0")))
    with pytest.raises(BuildFailedError) as caught, advice_on_versions([written], TAG):
        raise BuildFailedError("no tags", hint="its own")
    assert caught.value.hint == "its own"
