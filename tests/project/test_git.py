"""Git's answers about a folder, and what its silence means."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from publisher.errors import ConfigurationError, PublishError
from publisher.project import git as questions
from publisher.project.git import (
    _OF_NO_REPOSITORY,
    Uncommitted,
    begin_tree_hash,
    commit_of,
    commit_time,
    find_uncommitted,
    is_changed_since,
    is_shallow,
    last_change,
    remote_url,
    repository_variables,
    tags_at,
    tracked_files,
    tree_hash,
    without_repository_variables,
)
from tests.helpers.projects import commit, git

SECONDS = int(datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC).timestamp())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of one commit with two projects."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text(name)
    (tmp_path / ".gitignore").write_text("*.log\n")
    commit(tmp_path, "2024-05-06T07:08:09Z")
    return tmp_path


def test_outside_of_a_repository_git_has_no_answer(tmp_path: Path) -> None:
    assert last_change(tmp_path) is None
    assert commit_time(tmp_path) is None
    assert tree_hash(tmp_path) is None
    assert find_uncommitted(tmp_path) is None
    assert tracked_files(tmp_path) is None
    assert remote_url(tmp_path) is None
    assert commit_of(tmp_path, "HEAD") is None
    assert tags_at(tmp_path, "HEAD") == []
    assert is_shallow(tmp_path) is False
    with pytest.raises(ConfigurationError) as caught:
        is_changed_since(tmp_path, "v1.0")
    assert str(tmp_path) in caught.value.message
    assert "'v1.0'" in caught.value.message
    assert "fetch-depth: 0" in str(caught.value.hint)


def test_without_git_there_is_no_answer_either(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert last_change(repository) is None
    assert tags_at(repository, "HEAD") == []
    assert find_uncommitted(repository) is None


@pytest.mark.parametrize(
    ("name", "is_change"),
    [("new.py", True), ("module.py", True), ("build.log", False), ("dist/one-1.0.tar.gz", False)],
)
def test_a_file_is_a_change_unless_git_ignores_it_or_it_was_built(
    repository: Path, name: str, *, is_change: bool
) -> None:
    file = repository / "one" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("changed")
    assert is_changed_since(repository / "one", "HEAD") is is_change
    assert (last_change(repository / "one") is None) is is_change
    assert (tree_hash(repository / "one") is None) is is_change
    assert is_changed_since(repository / "two", "HEAD") is False


def test_a_clean_folder_has_the_time_of_its_own_last_commit_and_the_checkout_that_of_the_newest(
    repository: Path,
) -> None:
    (repository / "two/more.py").write_text("x")
    later = commit(repository, "2025-01-01T00:00:00Z")
    assert last_change(repository / "one") == datetime.fromtimestamp(SECONDS, UTC)
    assert last_change(repository / "two") == datetime(2025, 1, 1, tzinfo=UTC)
    assert commit_time(repository / "one") == int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
    assert is_changed_since(repository / "two", f"{later}^") is True
    assert is_changed_since(repository / "one", f"{later}^") is False


def test_a_folder_that_no_commit_has_was_never_changed(repository: Path) -> None:
    (repository / "empty").mkdir()
    assert last_change(repository / "empty") is None


def test_equal_contents_have_one_hash_and_other_contents_another(repository: Path) -> None:
    assert tree_hash(repository / "one") == git(repository, "rev-parse", "HEAD:one")
    assert tree_hash(repository / "one") != tree_hash(repository / "two")


def test_uncommitted_files_are_relative_to_the_folder_and_distinguished(repository: Path) -> None:
    one = repository / "one"
    git(repository, "mv", "one/module.py", "one/renamed module.py")
    (one / "below").mkdir()
    (one / "below/new.py").write_text("x")
    (one / "below/ignored.log").write_text("x")
    (repository / "two/module.py").write_text("changed elsewhere")
    assert find_uncommitted(one) == Uncommitted(["module.py", "renamed module.py"], ["below/new.py"])
    assert find_uncommitted(repository / "two") == Uncommitted(["module.py"], [])


def test_a_name_stands_for_a_commit_also_when_it_is_an_annotated_tag(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "light")
    git(repository, "tag", "-a", "-m", "x", "heavy")
    assert commit_of(repository, "light") == commit_of(repository, "heavy") == commit_of(repository, "HEAD") == head
    assert commit_of(repository, "missing") is None
    assert tags_at(repository, head) == ["heavy", "light"]
    (repository / "one/module.py").write_text("x")
    assert tags_at(repository, commit(repository)) == []


def test_tracked_files_are_those_below_the_folder(repository: Path) -> None:
    (repository / "one/ä b.py").write_text("x")
    commit(repository)
    (repository / "one/untracked.py").write_text("x")
    assert tracked_files(repository / "one") == frozenset({"module.py", "ä b.py"})
    (repository / "empty").mkdir()
    assert tracked_files(repository / "empty") == frozenset()


def test_the_remote_is_origin(repository: Path) -> None:
    git(repository, "remote", "add", "upstream", "https://github.com/other/name")
    assert remote_url(repository) is None
    git(repository, "remote", "add", "origin", "https://github.com/acme/widgets")
    assert remote_url(repository) == "https://github.com/acme/widgets"


def test_a_clone_of_one_commit_lacks_history(repository: Path, tmp_path: Path) -> None:
    (repository / "one/module.py").write_text("x")
    commit(repository)
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), "clone")
    assert is_shallow(tmp_path / "clone") is True
    assert is_shallow(repository) is False


def test_a_hook_of_another_repository_does_not_change_the_answers(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("x")
    expected = git(repository, "rev-parse", "HEAD")
    commit(other)
    assert {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} <= repository_variables()
    assert "GIT_CONFIG_GLOBAL" not in repository_variables()
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert commit_of(repository, "HEAD") == expected
    assert tracked_files(repository / "one") == frozenset({"module.py"})


def test_git_is_asked_for_its_variables_only_where_one_is_set(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    repository_variables.cache_clear()
    assert commit_of(repository, "HEAD") == git(repository, "rev-parse", "HEAD")
    for name in ("A", "GIT_ASKPASS", "GIT_SSL_CAINFO", "GIT_AUTHOR_NAME"):
        assert without_repository_variables({name: "1"}) == {name: "1"}
    assert repository_variables.cache_info().misses == 0
    assert without_repository_variables({"A": "1", "GIT_DIR": "x", "GIT_CONFIG_GLOBAL": "y"}) == {
        "A": "1",
        "GIT_CONFIG_GLOBAL": "y",
    }


def test_git_looks_for_changes_and_for_the_tree_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the two questions waits until the other one was asked."""
    script = (
        'case "$3" in status) mine=status other=tree;; *) mine=tree other=status;; esac\n'
        f'echo > "{tmp_path}/$mine"; until test -e "{tmp_path}/$other"; do sleep 0.01; done\n'
        'test "$mine" = status || echo 1234'
    )
    _replace_git(tmp_path / "bin", monkeypatch, script)
    finish = begin_tree_hash(tmp_path)
    assert finish() == "1234"


def test_variables_that_need_no_question_are_none_of_a_repositorys() -> None:
    assert not [name for name in repository_variables() if name.startswith(_OF_NO_REPOSITORY)]
    assert all(name.startswith("GIT_") for name in repository_variables())


def _replace_git(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put another program in git's place, once git has said which variables it has."""
    repository_variables()
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_git_asks_no_question_takes_no_lock_and_sees_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", "hidden")
    script = 'echo "$GIT_TERMINAL_PROMPT $GIT_OPTIONAL_LOCKS [$PYPI_PUBLISH_PASSWORD] [$(cat)]"'
    _replace_git(tmp_path / "bin", monkeypatch, script)
    assert commit_of(tmp_path, "HEAD") == "0 0 [] []"


def test_the_time_of_a_commit_is_read_in_every_owners_repository_without_starting_its_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    _replace_git(tmp_path / "bin", monkeypatch, f'echo "$@" > "{asked}"; echo 17')
    assert commit_time(tmp_path) == 17
    options = asked.read_text().split(" -C ")[0]
    for option in (f"safe.directory={tmp_path}", "safe.directory=*", "core.fsmonitor=false", "log.showSignature=false"):
        assert f"-c {option}" in options


def test_a_git_that_does_not_answer_is_no_folder_without_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replace_git(tmp_path / "bin", monkeypatch, "exec sleep 60")
    monkeypatch.setattr(questions, "_PATIENCE", 0.05)
    with pytest.raises(PublishError, match="git does not answer: `git -C ") as caught:
        commit_of(tmp_path, "HEAD")
    assert "HEAD" not in caught.value.message, "only the beginning of the command is shown"
    assert "Run it yourself" in str(caught.value.hint)
    assert isinstance(caught.value.__cause__, subprocess.TimeoutExpired)


def test_the_output_of_git_may_be_any_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _replace_git(tmp_path / "bin", monkeypatch, r"printf '\377\000b\000'")
    assert tracked_files(tmp_path) == frozenset({"\udcff", "b"})
