"""Pages of an index, and pages in its place."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from publisher.client.client import IndexClient
from publisher.client.url import parse_index_url
from publisher.errors import CredentialsError, IndexUnavailableError
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, answering

HTML = {"Content-Type": "text/html; charset=utf-8"}
JSON = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
SIGN_IN = b'<!DOCTYPE html><html><title>Sign in</title><form action="/login"><input type="password"></form></html>'
APP = b'<html><title>Acme</title><script src="/app.js"></script><a href="/docs/">Docs</a></html>'


@contextmanager
def _client(answer: Answer) -> Iterator[IndexClient]:
    credentials = Credentials("ada", Secret("lovelace"), "test")
    with answering(lambda _: answer) as url, closing(IndexClient(parse_index_url(url), credentials)) as client:
        yield client


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, SIGN_IN, HTML),
        Answer(200, APP, HTML),
        Answer(200, b'<html><meta http-equiv="Refresh" content="0; url=/login"></html>', HTML),
        Answer(200, SIGN_IN),
        Answer(200, b'{"error": "sign in first"}', JSON),
        Answer(200, b'["files"]', JSON),
        Answer(200, b"[" * 100_000, JSON),
        Answer(200, b"welcome", {"Content-Type": "text/plain"}),
        Answer(302, b"", {"Location": "https://login.example/?back=acme"}),
    ],
)
def test_only_an_index_is_taken_for_one(answer: Answer) -> None:
    with _client(answer) as client:
        for use in (lambda: client.files("acme"), client.projects, client.whoami):
            with pytest.raises((IndexUnavailableError, CredentialsError)) as caught:
                use()
            assert "sign in" in (caught.value.hint or "").lower()
            assert caught.value.exit_code == 6


def test_the_title_of_the_other_page_is_shown() -> None:
    with _client(Answer(200, SIGN_IN, HTML)) as client, pytest.raises(IndexUnavailableError, match="'Sign in'"):
        client.files("acme")


@pytest.mark.parametrize(
    "page",
    [
        "<a href='../../f/acme-1.0.tar.gz#sha256=AB'>acme-1.0.tar.gz</a>",
        "<base href='/f/'><a href='acme-1.0.tar.gz#sha256=ab'>x</a>",
        # devpi offers to refresh a project of a mirror
        "<form action='refresh'><input type='submit'></form><a href='/f/acme-1.0.tar.gz#sha256=ab'>x</a>",
        "<meta name='pypi:repository-version' content='1'><script></script><a href='/f/acme-1.0.tar.gz#sha256=ab'></a>",
    ],
)
def test_html_pages_of_indexes_are_read(page: str) -> None:
    with _client(Answer(200, page.encode(), HTML)) as client:
        found = client.files("acme")
        file = found["acme-1.0.tar.gz"]
        assert (list(found), file.url) == (["acme-1.0.tar.gz"], f"{client.url}f/acme-1.0.tar.gz")
        assert (file.hashes, file.yanked) == ({"sha256": "ab"}, False)


def test_a_page_without_files_and_one_of_an_unknown_project_have_none() -> None:
    for answer in (
        Answer(200, b"<!DOCTYPE html><html><title>Links for acme</title><h1>Links for acme</h1></html>", HTML),
        Answer(200, b'{"files": []}', JSON),
        Answer(404, SIGN_IN, HTML),
        Answer(302, b"", {"Location": "https://public.example/simple/acme/"}),
    ):
        with _client(answer) as client:
            assert client.files("acme") == {}


def test_names_from_an_index_do_not_steer_the_terminal() -> None:
    name = "acme-1.0\x1b[31m\u202e.tar.gz"
    page = {"files": [{"filename": name, "url": "f", "hashes": {}}], "projects": [{"name": name}]}
    with _client(Answer(200, json.dumps(page).encode(), JSON)) as client:
        assert all(text.isprintable() for text in [*client.files("acme"), *client.projects()])
    with _client(Answer(503, name.encode(), {"Content-Type": "text/plain"})) as client:
        with pytest.raises(IndexUnavailableError) as caught:
            client.projects()
        assert caught.value.message.isprintable()


def test_the_properties_of_a_file_are_those_of_its_entry() -> None:
    entry = {
        "filename": "acme-1.0.tar.gz",
        "url": "f/acme-1.0.tar.gz",
        "hashes": {"sha256": "AB"},
        "size": 7,
        "yanked": "broken",
        "upload-time": "2026-01-02T03:04:05Z",
    }
    body = json.dumps({"meta": {"api-version": "1.1"}, "name": "acme", "files": [entry]}).encode()
    with _client(Answer(200, body, JSON)) as client:
        file = client.files("acme")["acme-1.0.tar.gz"]
    assert (file.size, file.hashes, file.yanked) == (7, {"sha256": "ab"}, True)
    assert file.uploaded == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
