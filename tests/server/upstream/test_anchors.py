"""Index pages in HTML: which ones are believed, and the entries that are read from their anchors."""

from typing import Any

import pytest

from publisher.server.upstream.errors import NotAnIndexPageError
from publisher.server.upstream.pages.anchors import page_of_html

URL = "https://up.example/simple/foo/"
FILE = "https://up.example/f/foo-1.0.tar.gz"
MARK = '<meta name="pypi:repository-version" content="1.2">'


def read(page: str) -> dict[str, Any]:
    return page_of_html(page.encode(), URL, "foo")


def only(anchor: str) -> dict[str, Any]:
    (entry,) = read(anchor)["files"]
    return dict(entry)


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ("<a href=/f/foo-1.0.tar.gz>x</a>", {"filename": "foo-1.0.tar.gz", "url": FILE, "hashes": {}}),
        ('<a href="../../f/foo-1.0.tar.gz#sha256=ABCD">', {"url": FILE, "hashes": {"sha256": "abcd"}}),
        ('<a href="/f/foo-1.0.tar.gz#md5=12">', {"url": FILE, "hashes": {"md5": "12"}}),
        ('<a href="/f/foo-1.0.tar.gz#egg=foo">', {"url": FILE, "hashes": {}}),
        ('<a href="/f/foo-1.0.tar.gz#sha256=12&amp;x=1">', {"url": FILE, "hashes": {}}),
        ('<a href="/f/foo-1.0.tar.gz?x=1">', {"filename": "foo-1.0.tar.gz", "url": f"{FILE}?x=1"}),
        ('<a href="/f/foo-1.0%2Blocal.tar.gz">', {"filename": "foo-1.0+local.tar.gz"}),
        ('<a href="https://o.example/foo-1.0.tar.gz">', {"url": "https://o.example/foo-1.0.tar.gz"}),
        ('<base href="/m/"><a href="foo-1.0.tar.gz">', {"url": "https://up.example/m/foo-1.0.tar.gz"}),
        ('<base href="/m/"><base href="/n/"><a href="foo-1.0.tar.gz">', {"url": "https://up.example/m/foo-1.0.tar.gz"}),
        ("<base><a href=foo-1.0.tar.gz>", {"url": f"{URL}foo-1.0.tar.gz"}),
        ('<a href="/f/foo-1.0.tar.gz" data-requires-python="&gt;=3.9">', {"requires-python": ">=3.9"}),
        ('<a href="/f/foo-1.0.tar.gz" data-yanked>', {"yanked": True}),
        ('<a href="/f/foo-1.0.tar.gz" data-yanked="">', {"yanked": True}),
        ('<a href="/f/foo-1.0.tar.gz" data-yanked="bad">', {"yanked": "bad"}),
        ('<a href="/f/foo-1.0.tar.gz" data-core-metadata="sha256=AB">', {"core-metadata": {"sha256": "ab"}}),
        ('<a href="/f/foo-1.0.tar.gz" data-core-metadata="true">', {"core-metadata": True}),
        ('<a href="/f/foo-1.0.tar.gz" data-dist-info-metadata="md5=1">', {"core-metadata": {"md5": "1"}}),
        (
            '<a href="/f/foo-1.0.tar.gz" data-dist-info-metadata="md5=1" data-core-metadata="sha256=2">',
            {"core-metadata": {"sha256": "2"}},
        ),
    ],
)
def test_an_anchor_is_read_into_an_entry(anchor: str, expected: dict[str, Any]) -> None:
    found = only(anchor)
    assert {key: found[key] for key in expected} == expected
    assert set(found) == {"filename", "url", "hashes"} | set(expected)


def test_anchors_without_a_link_are_none_and_the_others_are_in_order() -> None:
    page = "<a name=top></a><a href=''></a><a href=foo-2.0.tar.gz></a><link href=x><a href=foo-1.0.tar.gz></a>"
    assert [entry["filename"] for entry in read(page)["files"]] == ["foo-2.0.tar.gz", "foo-1.0.tar.gz"]


@pytest.mark.parametrize(
    ("page", "version", "files"),
    [
        (MARK, "1.2", 0),
        (f"{MARK}<a href=bar-1.0.tar.gz>", "1.2", 1),
        ("<a href=foo-1.0.tar.gz>", "1.0", 1),
        ("<a href=/help><a href=Foo-1.0.zip>", "1.0", 2),
        ('<meta name="pypi:repository-version" content="2.0"><a href=foo-1.0.tar.gz>', "1.0", 1),
        ('<meta name="pypi:repository-version"><a href=foo-1.0.tar.gz>', "1.0", 1),
        ('<meta name="generator" content="1.9"><a href=foo-1.0.tar.gz>', "1.0", 1),
    ],
)
def test_a_page_is_an_index_by_its_mark_or_by_a_file_of_the_project(page: str, version: str, files: int) -> None:
    found = read(page)
    assert (found["meta"], found["name"]) == ({"api-version": version}, "foo")
    assert len(found["files"]) == files
    assert "project-status" not in found


def test_the_status_of_a_project_is_read() -> None:
    status = '<meta name="pypi:project-status" content="archived">'
    assert read(MARK + status)["project-status"] == {"status": "archived"}
    assert "project-status" not in read(MARK + '<meta name="pypi:project-status">')


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("", "it is not an index page"),
        ("<form>", "it is not an index page"),
        ("<a href=bar-1.0.tar.gz>", "it is not an index page"),
        ("<a href=/foo>", "it is not an index page"),
        ('<meta name="pypi:repository-version" content="2.0">', "it is not an index page"),
        (f'{MARK}<a href="https://[/foo-1.0.tar.gz">', "Invalid IPv6 URL"),
        (f'{MARK}<base href="https://[/"><a href=foo-1.0.tar.gz>', "Invalid IPv6 URL"),
    ],
)
def test_another_page_is_refused_with_its_reason(page: str, reason: str) -> None:
    with pytest.raises(NotAnIndexPageError, match=reason):
        read(page)


def test_bytes_that_are_no_text_harm_nothing_else() -> None:
    page = page_of_html(b"\xff<a href=foo-1.0.tar.gz>\xfe</a>", URL, "foo")
    assert [entry["filename"] for entry in page["files"]] == ["foo-1.0.tar.gz"]
