"""A page as a browser gets it: its frame, its tag, its zipped form, and assets and errors beside it."""

import asyncio
import gzip
from typing import Any

import pytest

from publisher.server.http.messages import HttpError, Request
from publisher.server.routes.web.errors import error_page
from publisher.server.routes.web.page import base_values, make_body, page_response
from publisher.server.routes.web.static import StaticRoutes
from publisher.server.web.assets import STATIC, assets, by_url_name

ZIP = (b"accept-encoding", b"gzip")


def _request(*headers: tuple[bytes, bytes], root_path: str = "", path: str = "/") -> Request:
    async def receive() -> Any:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": path, "root_path": root_path, "scheme": "https"}
    return Request({**scope, "headers": [(b"host", b"pypi.acme.example"), *headers]}, receive)


def test_the_frame_knows_where_the_index_is() -> None:
    values = base_values(_request(root_path="/python", path="/python/projects/"))
    assert values["root"] == "/python"
    assert values["host"] == "pypi.acme.example"
    assert values["base_url"] == "https://pypi.acme.example/python/"
    assert values["simple_url"] == "https://pypi.acme.example/python/simple/"
    assert values["here"] == "/projects/"
    assert (values["username"], values["can_sign_in"], values["query"]) == (None, False, "")
    for value, name in (("style", "style.css"), ("script", "script.js"), ("icon", "icon.svg")):
        assert values[value] == f"/python/-/static/{assets()[name].name}"


def test_a_page_is_zipped_for_those_who_take_it() -> None:
    plain, zipped = make_body("error.html", _error_values())
    assert gzip.decompress(zipped) == plain
    assert b"<h1" in plain
    answer = page_response(_request(ZIP), plain, zipped)
    assert (answer.status, answer.body) == (200, zipped)
    assert dict(answer.headers)[b"content-encoding"] == b"gzip"
    other = page_response(_request(), plain, zipped)
    assert (other.status, other.body) == (200, plain)
    assert b"content-encoding" not in dict(other.headers)
    assert dict(other.headers)[b"etag"] != dict(answer.headers)[b"etag"]
    unzipped = page_response(_request(ZIP), plain, b"")
    assert (unzipped.body, b"content-encoding" in dict(unzipped.headers)) == (plain, False)


def test_a_page_that_a_browser_has_is_not_sent_again() -> None:
    etag = dict(page_response(_request(), b"page", b"").headers)[b"etag"]
    again = page_response(_request((b"if-none-match", etag)), b"page", b"")
    assert (again.status, again.body, dict(again.headers)[b"etag"]) == (304, b"", etag)
    assert page_response(_request((b"if-none-match", etag)), b"another", b"").status == 200
    failed = page_response(_request((b"if-none-match", etag)), b"page", b"", 404)
    assert (failed.status, failed.body) == (404, b"page")


def test_a_page_is_kept_for_its_reader_alone_and_asked_for_again() -> None:
    headers = dict(page_response(_request(), b"page", b"").headers)
    assert headers[b"cache-control"] == b"private, no-cache"
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert {name.strip() for name in headers[b"vary"].split(b",")} == {
        b"Accept",
        b"Accept-Encoding",
        b"Authorization",
        b"Cookie",
    }
    names = [name for name, _ in page_response(_request(), b"page", b"").headers]
    assert names.count(b"content-security-policy") == 1


def _error_values() -> dict[str, Any]:
    return {**base_values(_request()), "status": 404, "phrase": "Not found", "message": "No such page."}


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (401, "Sign in to see this page"),
        (403, "Not allowed"),
        (404, "Not found"),
        (413, "Request Entity Too Large"),
        (500, "Something went wrong here"),
        (503, "Not available just now"),
    ],
)
def test_an_error_is_a_page_that_nothing_keeps(status: int, phrase: str) -> None:
    error = HttpError(status, "The reason <why>.", [(b"retry-after", b"7")])
    answer = asyncio.run(error_page(_request(), error))
    headers = dict(answer.headers)
    assert (answer.status, headers[b"cache-control"], headers[b"retry-after"]) == (status, b"no-store", b"7")
    assert b"etag" not in headers
    assert [name for name, _ in answer.headers].count(b"cache-control") == 1
    page = answer.body.decode()
    assert phrase in page
    assert "The reason &lt;why&gt;." in page
    assert str(status) in page


def test_an_error_is_zipped_too() -> None:
    answer = asyncio.run(error_page(_request(ZIP), HttpError(404, "Nothing here.")))
    assert dict(answer.headers)[b"content-encoding"] == b"gzip"
    assert b"Nothing here." in gzip.decompress(answer.body)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("style.css", b"text/css; charset=utf-8"),
        ("script.js", b"text/javascript; charset=utf-8"),
        ("icon.svg", b"image/svg+xml"),
    ],
)
def test_an_asset_is_kept_for_good_under_a_name_that_changes_with_it(name: str, content_type: bytes) -> None:
    asset = assets()[name]
    answer = asyncio.run(StaticRoutes().answer(_request(), asset.name))
    headers = dict(answer.headers)
    assert (answer.status, answer.body) == (200, (STATIC / name).read_bytes())
    assert headers[b"content-type"] == asset.content_type == content_type
    assert headers[b"cache-control"] == b"public, max-age=31536000, immutable"
    stem, _, ending = name.partition(".")
    assert asset.name.startswith(f"{stem}-")
    assert asset.name.endswith(f".{ending}")
    assert by_url_name()[asset.name] is asset
    with pytest.raises(HttpError, match="no such file") as refused:
        asyncio.run(StaticRoutes().answer(_request(), name))
    assert refused.value.status == 404


def test_robots_are_asked_to_read_nothing() -> None:
    answer = asyncio.run(StaticRoutes().robots(_request(), ""))
    assert (answer.status, answer.body) == (200, b"User-agent: *\nDisallow: /\n")
    assert dict(answer.headers)[b"content-type"].startswith(b"text/plain")
