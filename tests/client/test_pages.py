"""Pages of an index, and pages in its place."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
import requests

from publisher.client.client import IndexClient
from publisher.client.models import RemoteFile
from publisher.client.pages import is_json, is_project_list, is_web_page, parse_files, parse_projects, title
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


# pages without an index


URL = "https://acme.example/simple/acme/"


def page(text: str, kind: str | None = "text/html") -> requests.Response:
    response = requests.Response()
    response.status_code, response.url, response.encoding = 200, URL, "utf-8"
    response._content = text.encode()
    if kind is not None:
        response.headers["Content-Type"] = kind
    return response


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("acme-1.0.tar.gz", RemoteFile("acme-1.0.tar.gz", f"{URL}acme-1.0.tar.gz", {})),
        ("/f/a-1.0.zip#sha256=AB", RemoteFile("a-1.0.zip", "https://acme.example/f/a-1.0.zip", {"sha256": "ab"})),
        ("/f/a-1.0.zip#md5", RemoteFile("a-1.0.zip", "https://acme.example/f/a-1.0.zip", {})),
        ("/f/a-1.0%2B1.zip?x=1", RemoteFile("a-1.0+1.zip", "https://acme.example/f/a-1.0%2B1.zip?x=1", {})),
        ("https://o.example/a-1.0.egg", RemoteFile("a-1.0.egg", "https://o.example/a-1.0.egg", {})),
    ],
)
def test_a_link_is_a_file(link: str, expected: RemoteFile) -> None:
    assert parse_files(page(f"<a href='{link}'>x</a>")) == [expected]
    (yanked,) = parse_files(page(f"<a data-yanked href='{link}'>x</a>"))
    assert (yanked.yanked, yanked.filename) == (True, expected.filename)


def test_links_are_in_order_and_below_the_base_that_came_before_them() -> None:
    found = parse_files(page("<a href=a-1.0.zip><a name=x><base href=/f/><base><a href=b-1.0.zip><base href=g/>"))
    assert [file.url for file in found] == [f"{URL}a-1.0.zip", "https://acme.example/f/b-1.0.zip"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"files": [{"filename": "a", "url": "b", "hashes": {}}]}', RemoteFile("a", f"{URL}b", {})),
        (
            '{"files": [{"filename": "a", "url": "/b", "hashes": {"md5": "AB"}, "yanked": true, "size": 0}]}',
            RemoteFile("a", "https://acme.example/b", {"md5": "ab"}, yanked=True, size=0),
        ),
        (
            '{"files": [{"filename": "a", "url": "b", "hashes": {}, "upload-time": null}]}',
            RemoteFile("a", f"{URL}b", {}),
        ),
    ],
)
def test_an_entry_is_a_file(text: str, expected: RemoteFile) -> None:
    assert parse_files(page(text, "application/vnd.pypi.simple.v1+json")) == [expected]


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        (SIGN_IN.decode(), "text/html", "is the web page 'Sign in', not a page of a package index (it has a form"),
        ("<form>", "text/html", "is another page, not a page of a package index (it has a form or a script)."),
        ("<html><title> </title><form>", "text/html", "is another page, not"),
        ("<iframe src=x>", "text/html", "(it has a form or a script)"),
        ("<frameset>", "text/html", "(it has a form or a script)"),
        ("x", "text/plain", "(it is text/plain)"),
        ("x", "Text/Plain; charset=utf-8", "(it is text/plain)"),
        ("x", "", "(it is of no type)"),
        ("<html><title>A</title><a href='https://[/'>", "text/html", "is another page"),
        ('{"files": [{"filename": "a"}]}', "application/json", "is another page, not a page of a package index."),
        (
            '{"files": [{"filename": 5, "url": "b", "hashes": {}}]}',
            "application/json",
            "not a page of a package index.",
        ),
        ('{"files": 5}', "application/json", "not a page of a package index."),
        ("{", "application/json", "not a page of a package index (Expecting"),
    ],
)
def test_another_page_is_named_with_the_reason(text: str, kind: str, says: str) -> None:
    with pytest.raises(IndexUnavailableError) as caught:
        parse_files(page(text, kind))
    assert caught.value.message.startswith(URL)
    assert says in caught.value.message
    assert "the root above simple/" in str(caught.value.hint)


def test_a_password_in_the_address_is_not_shown() -> None:
    response = page("<form>")
    response.url = "https://ada:lovelace@acme.example/"
    with pytest.raises(IndexUnavailableError) as caught:
        parse_projects(response)
    assert "lovelace" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        ('{"projects": [{"name": "b"}, {"name": "a"}]}', "application/json", ["b", "a"]),
        ('{"projects": []}', "application/json", []),
        ("<a href='b/'>B</a><a href='/simple/a'>A</a>", "text/html", ["b", "a"]),
        ("<a href='a%2Bb/?x=1#y'>A</a>", "text/html", ["a+b"]),
        ("<a href='b/'>B</a>", None, ["b"]),
        ("", "text/html", []),
    ],
)
def test_the_list_of_projects_is_read(text: str, kind: str | None, names: list[str]) -> None:
    assert parse_projects(page(text, kind)) == names
    assert is_project_list(page(text, kind))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<form>", "text/html"),
        ("{}", "application/json"),
        ('{"projects": ["a"]}', "application/json"),
        ("x", "text/plain"),
    ],
)
def test_another_page_is_no_list_of_projects(text: str, kind: str) -> None:
    assert not is_project_list(page(text, kind))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<title>Acme &amp; Co</title>", "Acme & Co"),
        ("<title>\n Sign   in\n</title>", "Sign in"),
        ("<title></title>", ""),
        ("<h1>Acme</h1>", ""),
        ("<title>Acme</title><a href='https://[/'>", ""),
    ],
)
def test_a_title_is_on_one_line(text: str, shown: str) -> None:
    assert title(page(text)) == shown


@pytest.mark.parametrize(
    ("text", "kind", "json_page", "web_page"),
    [
        ("{}", "application/json", True, False),
        ("{}", "application/vnd.pypi.simple.v1+json", True, False),
        ("<a>", "text/html", False, True),
        ("", "text/html", False, False),
        ("no", "text/html", False, False),
        ("<a>", "text/plain", False, False),
        ("\n <!DOCTYPE HTML>", "text/plain", False, True),
        ("<HTML>", None, False, True),
        ("x<html>", None, False, False),
        (" " * 1995 + "<html", None, False, True),
        (" " * 1996 + "<html", None, False, False),
    ],
)
def test_kinds_of_answers(text: str, kind: str | None, *, json_page: bool, web_page: bool) -> None:
    assert is_json(page(text, kind)) == json_page
    assert is_web_page(page(text, kind)) == web_page
