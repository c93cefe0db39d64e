"""Answers to an upload: what proves that a file is stored, and how other indexes say that they have it."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from publisher.client.answers import error_text, expect_stored, retry_after
from publisher.client.client import IndexClient
from publisher.client.http import IndexSession, Response
from publisher.client.models import Account
from publisher.client.url import parse_index_url
from publisher.errors import (
    HOW_TO_LOG_IN,
    CheckFailedError,
    ConflictError,
    CredentialsError,
    ForbiddenError,
    IndexUnavailableError,
    PublishError,
    RefusedCredentialsError,
)
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, answering

FILE = "acme-1.0-py3-none-any.whl"
DIGEST = "ab" * 32


def _response(status: int, body: str = "", **headers: str) -> Response:
    answer = Answer(status, body.encode(), {name.replace("_", "-"): value for name, value in headers.items()})
    with answering(lambda _: answer) as url, closing(IndexSession(url, retries=False)) as session:
        return session.request("POST", url)


def _is_stored(status: int, body: str = "", **headers: str) -> bool:
    response = _response(status, body, **headers)
    return expect_stored(response, FILE, DIGEST, parse_index_url("http://index.example"), None)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, "", {"X_Checksum_Sha256": DIGEST.upper()}),
        (200, "", {"Content_Type": "text/html"}),  # pypiserver
        (201, '{"message": "201 Created"}', {"Content_Type": "application/json"}),  # GitLab
        (204, "", {}),
    ],
)
def test_a_success_proves_that_the_file_is_stored(status: int, body: str, headers: dict[str, str]) -> None:
    assert _is_stored(status, body, **headers)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, "<!doctype html><form action=/login>", {"Content_Type": "text/html"}),
        (200, "  <html><title>Home</title>", {}),
        (202, "", {}),
        (200, "", {"X_Checksum_Sha256": "cd" * 32}),
    ],
)
def test_a_success_that_may_be_another_server_proves_nothing(status: int, body: str, headers: dict[str, str]) -> None:
    assert not _is_stored(status, body, **headers)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (409, "Conflict"),  # Azure Artifacts, CodeArtifact, devpi, pypiserver and ours
        (400, "File already exists ('acme-1.0-py3-none-any.whl'). See https://index.example/help"),  # Warehouse
        (400, "requested entity already exists\n"),  # Google Artifact Registry
        (400, '{"message": "Validation failed: File name has already been taken"}'),  # GitLab
        (400, "<!doctype html><title>400 - Nexus</title>Repository does not allow updating assets: pypi"),
        (400, "acme/1.0/acme-1.0-py3-none-any.whl cannot be updated"),  # Nexus 3.71 and later
        (403, '{"errors": [{"message": "Not enough permissions to delete/overwrite artifact acme"}]}'),  # Artifactory
        (403, "Not enough permissions to delete/overwrite all artifacts under acme/1.0"),
    ],
)
def test_indexes_say_in_their_own_words_that_they_have_the_name(status: int, body: str) -> None:
    with pytest.raises(ConflictError):
        _is_stored(status, body)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, CheckFailedError),
        (413, CheckFailedError),
        (401, CredentialsError),
        (403, CredentialsError),
        (404, IndexUnavailableError),
        (405, IndexUnavailableError),
        (520, IndexUnavailableError),
    ],
)
def test_other_refusals_keep_their_meaning(status: int, failure: type[PublishError]) -> None:
    with pytest.raises(failure) as caught:
        _is_stored(status, "no")
    assert type(caught.value) is failure


def test_retry_after_is_a_number_of_seconds_or_a_date() -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=20), usegmt=True)
    assert retry_after(_response(429, Retry_After="7")) == 7
    assert retry_after(_response(429, Retry_After=later, Date=format_datetime(now, usegmt=True))) == 20
    assert retry_after(_response(429, Retry_After=later)) == 0  # it has passed
    assert [retry_after(_response(429, Retry_After=text)) for text in ("soon", "-1", "")] == [None] * 3
    assert retry_after(_response(429)) is None


def test_the_words_of_an_error_are_short_and_without_control_characters() -> None:
    text = error_text(_response(400, "\x1b[31mred\x07" * 1000, Content_Type="text/plain"))
    assert len(text) <= 2000
    assert "\x1b" not in text
    assert error_text(_response(400, '{"error": "no"}', Content_Type="application/json")) == "no"


ADA = Credentials("ada", Secret("s3cret"), "keyring")


def _refusal(body: str, kind: str = "text/plain", credentials: Credentials | None = ADA) -> PublishError:
    response = _response(403, body, Content_Type=kind)
    with pytest.raises(CredentialsError) as caught:
        expect_stored(response, FILE, DIGEST, parse_index_url("http://index.example"), credentials)
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        "The name pypi-publish is reserved for this index's own client.",
        "ada may not publish acme-widgets",
        "The index's package folder is read-only; nothing was stored.",
        "The user 'ada' isn't allowed to upload to project 'acme'. See https://index.example/help.",
    ],
)
def test_a_missing_right_is_the_administrators_matter(body: str) -> None:
    error = _refusal(body)
    assert isinstance(error, ForbiddenError)
    assert body in error.message
    assert "Ask the index's administrator" in (error.hint or "")
    assert "login" not in (error.hint or "")


@pytest.mark.parametrize(
    "body",
    [
        "Invalid or non-existent authentication information.",  # Warehouse
        "Bad credentials",
        "The security token has expired",
        "Invalid token",
        "wrong password",
    ],
)
def test_a_403_about_the_credentials_is_a_401(body: str) -> None:
    error = _refusal(body)
    assert isinstance(error, RefusedCredentialsError)
    assert "login" in (error.hint or "")


def test_a_403_without_credentials_asks_for_them() -> None:
    assert _refusal("no", credentials=None).hint == HOW_TO_LOG_IN


def test_a_403_as_a_web_page_may_be_a_firewalls() -> None:
    error = _refusal("<!doctype html><title>Access denied</title>", "text/html")
    assert "Access denied" in error.message
    assert "firewall" in (error.hint or "")


def test_an_account_has_all_that_the_index_says_of_it() -> None:
    body = (
        b'{"username": "ada", "rights": ["publish"], "version": "1.2", "passes-on": true, "cooldown": 60,'
        b' "grants": [{"project": "acme"}, "nonsense"]}'
    )
    given = Credentials("Ada", Secret("secret"), "a test")
    with (
        answering(lambda _: Answer(200, body, {"Content-Type": "application/json"})) as url,
        closing(IndexClient(parse_index_url(url), given)) as client,
    ):
        assert client.whoami() == Account(
            "ada", ("publish",), "1.2", passes_on=True, cooldown=60.0, grants=({"project": "acme"},)
        )
