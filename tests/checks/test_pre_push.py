"""The release tags of a push that runs a hook."""

import os
from pathlib import Path

import pytest

from publisher.checks.pre_push import pushed_tags
from tests.helpers.projects import commit, git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", ".")
    (tmp_path / "a").touch()
    commit(tmp_path)
    for name in ("v1.0", "acme-2.0", "not-a-release"):
        git(tmp_path, "tag", name)
    (tmp_path / "b").touch()
    commit(tmp_path)
    return tmp_path


def _tags(monkeypatch: pytest.MonkeyPatch, repository: Path, prefix: str | None = None, **variables: str) -> list[str]:
    for name in [name for name in os.environ if name.startswith("PRE_COMMIT_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(f"PRE_COMMIT_{name.upper()}", value)
    return sorted(str(tag.version) for tag in pushed_tags(repository, prefix))


def test_outside_of_a_push_there_are_none(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git(repository, "rev-parse", "v1.0")
    assert _tags(monkeypatch, repository) == []
    assert _tags(monkeypatch, repository, to_ref=head) == []
    assert _tags(monkeypatch, repository, remote_branch="refs/heads/main") == []
    assert _tags(monkeypatch, repository, remote_branch="refs/heads/main", to_ref="") == []


def test_tags_at_the_pushed_commit_count(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tagged, head = git(repository, "rev-parse", "v1.0"), git(repository, "rev-parse", "HEAD")
    assert _tags(monkeypatch, repository, remote_branch="refs/heads/main", to_ref=tagged) == ["1.0", "2.0"]
    assert _tags(monkeypatch, repository, remote_branch="refs/heads/main", to_ref=head) == []


@pytest.mark.parametrize("variable", ["local_branch", "remote_branch"])
def test_a_pushed_tag_counts_by_either_of_its_names(
    repository: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    refs = {"remote_branch": "refs/heads/main", variable: "refs/tags/v3.0"}
    assert _tags(monkeypatch, repository, to_ref=head, **refs) == ["3.0"]
    assert _tags(
        monkeypatch, repository, to_ref=head, remote_branch="refs/tags/v3.0", local_branch="refs/tags/v3.0"
    ) == ["3.0"]
    assert _tags(monkeypatch, repository, to_ref=head, **{**refs, variable: "refs/heads/v3.0"}) == []


def test_tags_of_another_prefix_are_no_releases(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refs = {"remote_branch": "refs/heads/main", "to_ref": git(repository, "rev-parse", "v1.0")}
    assert _tags(monkeypatch, repository, "acme-", **refs) == ["2.0"]
