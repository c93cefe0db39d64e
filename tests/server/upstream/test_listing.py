import json

import pytest

from publisher.server.upstream.errors import NotAnIndexPageError
from publisher.server.upstream.pages.listing import parse_page, tail_of
from tests.helpers.upstream import SIGN_IN

URL = "https://public.example/simple/foo/"
ENTRY = {"filename": "foo-1.0-py3-none-any.whl", "url": "https://files.example/packages/ab/cd/foo-1.0-py3-none-any.whl"}


def json_page(*entries: object, name: str = "foo", version: str = "1.4") -> bytes:
    return json.dumps({"meta": {"api-version": version}, "name": name, "files": list(entries)}).encode()


def entry(**changes: object) -> dict[str, object]:
    return {**ENTRY, "hashes": {"sha256": "AB" * 32}, "upload-time": "2024-01-01T00:00:00.000000Z", **changes}


def test_a_json_page_is_believed() -> None:
    file = parse_page(json_page(entry(size=5)), URL, "foo").listing.files["foo-1.0-py3-none-any.whl"]
    assert (file.version, file.size, file.key, file.uploaded) == ("1.0", 5, "ab" * 32, 1704067200.0)
    assert tail_of(file) == "ab/cd"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        SIGN_IN,
        b"{}",
        json_page(name="bar"),
        json_page(version="2.0"),
        b'{"meta":{"api-version":"1.0"},"name":"foo"}',
        b'{"meta":{"api-version":"1.0"},"name":"foo","files":{}}',
        b'{"a":' * 100_000,
        b"<a href='bar-1.0.tar.gz'>bar-1.0.tar.gz</a>",
    ],
    ids=str,
)
def test_what_is_no_page_of_the_project_is_not_believed(body: bytes) -> None:
    with pytest.raises(NotAnIndexPageError):
        parse_page(body, URL, "foo")


@pytest.mark.parametrize(
    "changes",
    [
        {"filename": "bar-1.0-py3-none-any.whl"},
        {"filename": "../foo-1.0-py3-none-any.whl"},
        {"filename": 5},
        {"url": "file:///etc/passwd"},
        {"url": "http://files.example/packages/foo-1.0-py3-none-any.whl"},  # the page came over https
        {"url": "https://user@files.example/foo-1.0-py3-none-any.whl"},
        {"url": "https://[/foo"},
    ],
    ids=str,
)
def test_files_that_a_page_may_not_speak_for_are_dropped(changes: dict[str, object]) -> None:
    assert not parse_page(json_page(entry(**changes), "nonsense"), URL, "foo").listing.files


def test_nulls_that_uv_rejects_are_left_out() -> None:
    nulls = dict.fromkeys(("size", "upload-time", "yanked", "requires-python", "provenance"))
    kept = parse_page(json_page(entry(**nulls)), URL, "foo").page["files"][0]
    assert {key for key in nulls if key in kept} == {"requires-python", "provenance"}


@pytest.mark.parametrize("time", [None, "yesterday", "2024-01-01T00:00:00", 5])
def test_a_time_that_is_none_is_no_time(time: object) -> None:
    page = parse_page(json_page(entry(**{"upload-time": time})), URL, "foo")
    assert page.listing.files["foo-1.0-py3-none-any.whl"].uploaded is None


def test_html_is_read_into_the_same_form() -> None:
    body = f"""<html><head><base href="/mirror/"></head><body>
    <a href="packages/ab/foo-1.0-py3-none-any.whl#sha256={"cd" * 32}" data-requires-python="&gt;=3.9" data-yanked="bad"
       data-dist-info-metadata="sha256={"ef" * 32}">foo-1.0-py3-none-any.whl</a></body></html>""".encode()
    parsed = parse_page(body, URL, "foo")
    file = parsed.listing.files["foo-1.0-py3-none-any.whl"]
    assert file.url == "https://public.example/mirror/packages/ab/foo-1.0-py3-none-any.whl"
    assert (file.hashes, file.metadata) == ({"sha256": "cd" * 32}, {"sha256": "ef" * 32})
    assert parsed.page["files"][0]["requires-python"] == ">=3.9"
    assert parsed.page["files"][0]["yanked"] == "bad"


def test_an_empty_html_page_needs_the_mark_of_an_index() -> None:
    mark = b'<html><head><meta name="pypi:repository-version" content="1.0"></head><body></body></html>'
    assert not parse_page(mark, URL, "foo").listing.files


@pytest.mark.parametrize(
    ("url", "tail"),
    [
        ("https://a.example/packages/aa/bb/foo-1.0-py3-none-any.whl", "aa/bb"),
        ("https://a.example/mirror/packages/foo/1.0/foo-1.0-py3-none-any.whl", "foo/1.0"),
        ("https://a.example/+f/123/foo-1.0-py3-none-any.whl", "sha256/" + "ab" * 32),
        ("https://a.example/packages/../foo-1.0-py3-none-any.whl", "sha256/" + "ab" * 32),
    ],
)
def test_the_tail_of_a_url_is_kept_or_made_of_the_digest(url: str, tail: str) -> None:
    page = parse_page(json_page(entry(url=url)), URL, "foo")
    assert tail_of(page.listing.files["foo-1.0-py3-none-any.whl"]) == tail
