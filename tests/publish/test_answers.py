"""Proofs of an upload: an index's answer, or the index's page where something else may have answered."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.conftest import PASSWORD, USER
from tests.helpers.answering import Answer, Request, answering
from tests.helpers.dists import make_wheel
from tests.helpers.http import sha256
from tests.helpers.tool import Result, pypi_publish

SIGN_IN = Answer(200, b"<!doctype html><title>Sign in</title><form></form>", {"Content-Type": "text/html"})
UNKNOWN = Answer(404)
PAGE = {"Content-Type": "application/vnd.pypi.simple.v1+json"}


class _Index:
    """Answers an upload, and the project's page before and after it, as a test says."""

    def __init__(self, upload: Answer, before: Answer = UNKNOWN, after: Answer = UNKNOWN) -> None:
        self.uploads = 0
        self.pages = 0
        self._upload = upload
        self._before = before
        self._after = after

    def __call__(self, request: Request) -> Answer:
        if request.method == "POST":
            self.uploads += 1
            return self._upload
        self.pages += 1
        return self._after if self.uploads else self._before


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYPI_PUBLISH_USERNAME", USER)
    monkeypatch.setenv("PYPI_PUBLISH_PASSWORD", PASSWORD)


@contextmanager
def _uploaded(index: _Index, wheel: Path) -> Iterator[Result]:
    with answering(index) as url:
        yield pypi_publish("upload", wheel, "--index-url", url)


def _page(wheel: Path, digest: str) -> Answer:
    file = {"filename": wheel.name, "url": wheel.name, "hashes": {"sha256": digest}}
    return Answer(200, json.dumps({"files": [file]}).encode(), PAGE)


def test_a_sign_in_page_before_the_upload_is_not_an_index(tmp_path: Path) -> None:
    index = _Index(SIGN_IN, before=SIGN_IN)
    with _uploaded(index, make_wheel(tmp_path)) as done:
        assert (done.code, index.uploads) == (6, 0)
    assert "Sign in" in done.stderr


def test_a_sign_in_page_after_the_upload_is_not_a_success(tmp_path: Path) -> None:
    with _uploaded(_Index(SIGN_IN, after=SIGN_IN), make_wheel(tmp_path)) as done:
        assert done.code == 6
    assert "Uploaded" not in done.stderr


def test_a_doubtful_success_is_one_when_the_index_lists_the_file(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    with _uploaded(_Index(SIGN_IN, after=_page(wheel, sha256(wheel))), wheel) as done:
        assert (done.code, "warning" in done.stderr) == (0, False)


@pytest.mark.parametrize(("after", "words"), [(UNKNOWN, "does not list it yet"), (Answer(403), "can't confirm that")])
def test_an_index_that_lists_late_or_shows_nothing_is_a_warning(tmp_path: Path, after: Answer, words: str) -> None:
    with _uploaded(_Index(SIGN_IN, after=after), make_wheel(tmp_path)) as done:
        assert done.code == 0
    assert words in done.stderr


def test_other_contents_than_those_that_were_sent_are_a_failure(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    answer = Answer(200, headers={"X-Checksum-Sha256": "ab" * 32})
    with _uploaded(_Index(answer, after=_page(wheel, "ab" * 32)), wheel) as done:
        assert done.code == 6
    assert "other contents than the uploaded file" in done.stderr


def test_a_certain_success_is_not_asked_about(tmp_path: Path) -> None:
    index = _Index(Answer(200))
    with _uploaded(index, make_wheel(tmp_path)) as done:
        assert (done.code, index.pages) == (0, 1)


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "100000"}, {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)}],
)
def test_an_index_that_asks_to_come_back_tomorrow_is_not_waited_for(tmp_path: Path, headers: Mapping[str, str]) -> None:
    index = _Index(Answer(429, headers=headers))
    with _uploaded(index, make_wheel(tmp_path)) as done:
        assert (done.code, index.uploads) == (6, 1)
    assert "as the index asks" in done.stderr
