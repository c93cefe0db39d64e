"""Workflows that store a password which the index could do without."""

from pathlib import Path

import pytest

from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import NotOfferedError
from publisher.machine.doctor import workflows
from publisher.machine.doctor.workflows import check_workflows
from tests.helpers.projects import git

URL = parse_index_url("https://pypi.acme.example/")
STORED = "with:\n  password: ${{ secrets.PYPI_PUBLISH_PASSWORD }}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(workflows, "require_own_audience", lambda url: url.audience)
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/release.yaml").write_text(STORED)
    (tmp_path / ".github/workflows/test.yml").write_text("on: push\n")
    return tmp_path


def test_a_stored_password_is_found_with_the_command_that_makes_it_superfluous(folder: Path) -> None:
    git(folder, "init", "-q", ".")
    git(folder, "remote", "add", "origin", "git@github.com:acme/widgets.git")
    (found,) = check_workflows(folder, URL, "acme-widgets")
    assert "release.yaml publishes with a stored password" in found.what
    assert found.remedy is not None
    assert "trust add github acme/widgets --workflow release.yaml --project acme-widgets" in found.remedy


def test_no_advice_without_an_alternative(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: IndexUrl) -> str:
        raise NotOfferedError("no trusted publishing")

    monkeypatch.setattr(workflows, "require_own_audience", refuse)
    assert not list(check_workflows(folder, URL, None))


def test_workflows_without_a_password_ask_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".github/workflows/release.yaml").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(workflows, "require_own_audience", lambda _: pytest.fail("the index was asked"))
    assert not list(check_workflows(folder, URL, None))


@pytest.mark.parametrize(
    ("remote", "repository"),
    [
        ("https://github.com/acme/widgets.git", "acme/widgets"),
        ("https://github.com/acme/widgets/", "acme/widgets"),
        ("ssh://git@github.com/acme/wid.gets", "acme/wid.gets"),
        ("https://gitlab.example/acme/widgets.git", "OWNER/REPOSITORY"),
        (None, "OWNER/REPOSITORY"),
    ],
)
def test_the_repository_is_that_of_the_remote(
    folder: Path, monkeypatch: pytest.MonkeyPatch, remote: str | None, repository: str
) -> None:
    monkeypatch.setattr(workflows, "remote_url", lambda _: remote)
    (found,) = check_workflows(folder, URL, None)
    assert (found.check, found.verdict.value) == ("workflow-secret", "note")
    assert f"trust add github {repository} --workflow release.yaml --project PROJECT`" in str(found.remedy)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("${{secrets.PYPI_PUBLISH_PASSWORD}}", True),
        ("${{  secrets.PYPI_PUBLISH_PASSWORD  }}", True),
        ("${{ secrets.PYPI_PUBLISH_PASSWORDS }}", False),
        ("${{ vars.PYPI_PUBLISH_PASSWORD }}", False),
        ("secrets.PYPI_PUBLISH_PASSWORD", False),
    ],
)
def test_the_forms_of_a_stored_password(folder: Path, text: str, is_found: object) -> None:
    (folder / ".github/workflows/release.yaml").write_text(text)
    assert bool([*check_workflows(folder, URL, None)]) is is_found


def test_each_workflow_is_found_in_order_and_other_files_are_none(folder: Path) -> None:
    for name in ("a.yml", "b.yaml", "c.txt"):
        (folder / ".github/workflows" / name).write_text(STORED)
    (folder / ".github/workflows/d.yml").mkdir()
    assert [found.what.partition(" ")[0] for found in check_workflows(folder, URL, "x")] == [
        "a.yml",
        "b.yaml",
        "release.yaml",
    ]
