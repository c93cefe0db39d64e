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
