"""Passwords that `config` writes into a file: refused ones never, unchecked ones with a warning."""

from pathlib import Path

from tests.helpers.answering import Answer, Request, answering
from tests.helpers.tool import Result, pypi_publish

ACCOUNT = b'{"username": "ada", "rights": ["read"], "version": "1"}'
JSON = {"Content-Type": "application/json"}


def _embed(url: str, *options: str) -> Result:
    given = {"PYPI_PUBLISH_USERNAME": "ada", "PYPI_PUBLISH_PASSWORD": "mistyped", "PYPI_PUBLISH_INDEX_URL": url}
    return pypi_publish(
        "config", "netrc", "--write", "--embed-credentials", "--only-index", *options, cwd=Path.home(), env=given
    )


def _answers(status: int, body: bytes = b"") -> Result:
    def answer(request: Request) -> Answer:
        assert "Authorization" in request.headers
        return Answer(status, body, JSON)

    with answering(answer) as url:
        return _embed(url)


def test_a_refused_password_is_not_written() -> None:
    done = _answers(401)
    assert done.code == 4, done.stderr
    assert "refused the password of 'ada'" in done.stderr
    assert "Nothing was written" in done.stderr
    assert not (Path.home() / ".netrc").exists()


def test_an_accepted_password_is_written_without_a_warning() -> None:
    done = _answers(200, ACCOUNT)
    assert (done.code, "warning" in done.stderr) == (0, False), done.stderr
    assert 'password "mistyped"' in (Path.home() / ".netrc").read_text()


def test_a_password_that_no_index_checked_is_named() -> None:
    with answering(lambda _: None) as url:  # a port that answers nothing from here on
        pass
    done = _embed(url)
    assert done.code == 0, done.stderr
    assert "The password of 'ada' was not checked." in done.stderr
    assert 'password "mistyped"' in (Path.home() / ".netrc").read_text()
