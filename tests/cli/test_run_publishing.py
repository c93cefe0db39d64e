"""The work of `upload`: the index is asked while files are checked, and no check that fails waits for it."""

import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from publisher.cli.main import group
from publisher.errors import CheckFailedError
from publisher.publish import built_files, prefetch
from tests.helpers.answering import Answer, Request, answering, of_json
from tests.helpers.dists import make_wheel


def _upload(url: str, *arguments: str | Path) -> Result:
    command = ["upload", *map(str, arguments), "--index-url", url, "--username", "ada", "--dry-run"]
    return CliRunner().invoke(group, command, env={"PYPI_PUBLISH_PASSWORD": "correct horse"})


def test_the_index_is_asked_while_files_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def answer(_: Request) -> Answer:
        asked.set()
        return of_json({"files": []})

    def check(*_: object) -> None:
        assert asked.wait(20)

    monkeypatch.setattr(built_files, "check_distributions", check)
    with answering(answer) as url:
        done = _upload(url, make_wheel(tmp_path))
    assert (done.exit_code, "would be uploaded" in done.output) == (0, True), done.output


def test_a_check_that_fails_does_not_wait_for_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "_ENDING", 0.05)
    is_over = threading.Event()

    def answer(_: Request) -> Answer:
        is_over.wait(20)
        return of_json({"files": []})

    def check(*_: object) -> None:
        raise CheckFailedError("PP701 no")

    monkeypatch.setattr(built_files, "check_distributions", check)
    with answering(answer) as url:
        done = _upload(url, make_wheel(tmp_path))
        assert not is_over.is_set()
        is_over.set()
    assert (done.exit_code, "PP701 no" in done.output) == (CheckFailedError.exit_code, True), done.output


def test_the_index_is_asked_for_the_projects_of_the_tag_only(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Answer:
        asked.append(request.path)
        return of_json({"files": []})

    wheels = [make_wheel(tmp_path, name) for name in ("alpha", "beta")]
    with answering(answer) as url:
        done = _upload(url, *wheels, "--tag", "beta-v1.0")
    assert (done.exit_code, asked) == (0, ["/simple/beta/"]), done.output
