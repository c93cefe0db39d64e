"""The repository on GitHub that a checkout belongs to, and its numbers."""

import os
import shutil
from pathlib import Path

import pytest

from publisher.github import identity
from publisher.github.identity import GitHubIdentity, find_identity
from tests.helpers.projects import git

URL = "https://github.com/acme/widgets"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", URL)
    return folder


def _answer(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program in the place of `gh`."""
    (folder / "bin").mkdir()
    (folder / "bin/gh").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin/gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("remote", "repository"),
    [
        (URL, "acme/widgets"),
        (f"{URL}.git", "acme/widgets"),
        (f"{URL}/", "acme/widgets"),
        ("https://ada:secret@github.com/acme/widgets.git", "acme/widgets"),
        ("git@github.com:acme/widgets.git", "acme/widgets"),
        ("ssh://git@github.com/acme/wid.gets-2.git", "acme/wid.gets-2"),
        ("https://gitlab.com/acme/widgets", None),
        ("https://github.com.example/acme/widgets", None),
        ("https://example/github.com/acme/widgets", None),
        ("https://github.com/acme", None),
        ("https://github.com/acme/widgets/tree", None),
        ("http://github.com/acme/widgets", None),
        ("/srv/acme/widgets", None),
    ],
)
def test_a_remote_on_github_names_the_repository(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, remote: str, repository: str | None
) -> None:
    _answer(tmp_path, monkeypatch, "exit 1")
    git(checkout, "remote", "set-url", "origin", remote)
    assert find_identity(checkout) == (None if repository is None else GitHubIdentity(repository))


def test_without_a_remote_there_is_no_repository(tmp_path: Path) -> None:
    assert find_identity(tmp_path) is None


def test_gh_knows_the_numbers(checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = """[ "$*" = "api repos/acme/widgets" ] && echo '{"id": 1001, "owner": {"id": "7", "login": "acme"}}'"""
    _answer(tmp_path, monkeypatch, script)
    assert find_identity(checkout) == GitHubIdentity("acme/widgets", "1001", "7")


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "echo no JSON",
        "echo '[]'",
        "echo 1",
        """echo '{"id": 1001}'""",
        """echo '{"id": "x", "owner": {"id": 7}}'""",
        """echo '{"id": 1001, "owner": {"id": null}}'""",
        """echo '{"id": 1001, "owner": {"id": 7}}'; exit 1""",
    ],
)
def test_other_answers_leave_the_numbers_unknown(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    _answer(tmp_path, monkeypatch, script)
    assert find_identity(checkout) == GitHubIdentity("acme/widgets")


def test_a_gh_that_does_not_answer_is_not_waited_for(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _answer(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(identity, "_PATIENCE", 0.05)
    assert find_identity(checkout) == GitHubIdentity("acme/widgets")


def test_without_gh_the_numbers_are_unknown(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert find_identity(checkout) == GitHubIdentity("acme/widgets")
