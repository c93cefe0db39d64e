import json
import zlib

import pytest

from publisher.server.names.filenames import guess
from publisher.server.upstream.errors import NotAnIndexPageError
from publisher.server.upstream.pages import gzips, json_text
from publisher.server.upstream.pages.listing import parse_page, path_of, tail_of
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
def test_a_page_of_another_project_is_not_believed(body: bytes) -> None:
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
    for one in nulls:  # beside keys that have a value, and beside none
        kept = parse_page(json_page(entry(**{one: None})), URL, "foo").page["files"][0]
        assert (one in kept) is (one in {"requires-python", "provenance"})


def test_names_have_up_to_255_characters() -> None:
    for letters, listed in ((238, True), (239, False)):
        name = f"foo-1.0-py3-none-{'x' * (letters - 4)}.whl"
        assert (len(name) <= 255) is listed
        assert (name in parse_page(json_page(entry(filename=name)), URL, "foo").listing.files) is listed


@pytest.mark.parametrize("time", [None, "yesterday", "2024-01-01T00:00:00", 5])
def test_an_invalid_time_is_ignored(time: object) -> None:
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


HASHED = f"https://files.example/packages/ab/cd/{'e' * 60}"


@pytest.mark.parametrize(
    "filename",
    [
        "foo-1.0-py3-none-any.whl",
        "foo-1.0-2-py3-none-any.whl",
        "Foo-1.0.tar.gz",
        "foo-1.0..tar.gz",
        "foo-1.0rc1.tar.gz",
        "foo-1.0.linux-x86_64.tar.gz",
        "foo-1.0-1.tar.gz",
        "foo-1.0.zip",
        "foo-1.0-\N{ARABIC-INDIC DIGIT ONE}.tar.gz",
        "foo-1-bar-1.0.tar.gz",
        "foo.bar-1.0.tar.gz",
        ".foo-1.0.tar.gz",
        f"foo-{'1' * 250}.tar.gz",
    ],
    ids=ascii,
)
def test_the_quick_parse_of_a_name_agrees_with_the_thorough_one(filename: str) -> None:
    usual = entry(filename="foo-0.9.tar.gz", url=f"{HASHED}/foo-0.9.tar.gz")
    both = [
        parse_page(json_page(*extra, entry(filename=filename, url=f"{HASHED}/{filename}")), URL, "foo")
        for extra in ([], [usual])
    ]
    guessed = guess(filename)
    belongs = guessed is not None and guessed.project == "foo" and len(filename) <= 255
    for parsed in both:
        files = list(parsed.listing.files.values())
        assert [path_of(file) for file in files] == list(parsed.paths)
        assert {file.filename: file.version for file in files if file.filename == filename} == (
            {filename: guessed.version} if guessed is not None and belongs else {}
        )


@pytest.mark.parametrize(
    "url",
    [f"{HASHED}/foo-1.0.tar.gz", f"{HASHED}/packages/foo-1.0.tar.gz", f"{HASHED}/../foo-1.0.tar.gz",
     f"{HASHED}/foo%2D1.0.tar.gz", "/packages/ab/cd/foo-1.0.tar.gz", f"http://packages/{'e' * 60}/foo-1.0.tar.gz"],
)  # fmt: skip
def test_the_path_of_a_file_does_not_depend_on_how_its_url_was_read(url: str) -> None:
    parsed = parse_page(json_page(entry(filename="foo-1.0.tar.gz", url=url)), "http://x.example/simple/foo/", "foo")
    assert [path_of(file) for file in parsed.listing.files.values()] == list(parsed.paths)


@pytest.mark.parametrize(
    "body",
    [b'{"a": NaN}', b'{"a": "\\ud800"}', b'{"a": 1e400}', b'{"a": 123456789012345678901234567890}', b'{"a":1,"a":2}',
     b'{"a": "\\u00e9\\/"}'],
)  # fmt: skip
def test_json_reads_and_writes_the_same_without_the_fast_library(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = json_text.decode(body)
    written = json_text.encode(fast)
    monkeypatch.setattr(json_text, "fast_json", None)
    assert repr(json_text.decode(body)) == repr(fast)
    if body not in {b'{"a": NaN}', b'{"a": 1e400}'}:  # no JSON says these; the fast library writes null
        assert json_text.encode(fast) == written


def test_compressed_pages_are_gzip() -> None:
    assert zlib.decompress(gzips.compress(b"page" * 1000), zlib.MAX_WBITS | 16) == b"page" * 1000
    assert gzips.decompress(zlib.compress(b"page")) == b"page"
