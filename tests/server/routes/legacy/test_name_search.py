"""The text of an XML-RPC search: the first string of a call of ``search``, within a bound."""

import asyncio
import xmlrpc.client
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from publisher.limits import Limits
from publisher.server.http.messages import HttpError, Message, Request, Response
from publisher.server.routes.authorization import ReadScope
from publisher.server.routes.legacy.name_search import NameSearch, read_search
from publisher.server.settings import ServerSettings
from publisher.server.store.projects import Project


def _call(text: str, elements: str = "", method: str = "search") -> bytes:
    return f"<methodCall><methodName>{method}</methodName><string>{text}</string>{elements}</methodCall>".encode()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (xmlrpc.client.dumps(({"name": ["acme"], "summary": ["other"]}, "or"), "search").encode(), "acme"),
        (_call("acme"), "acme"),
        (_call("  acme\n"), "acme"),
        (_call("a &amp; b"), "a & b"),
        (_call("acme", method=" search "), "acme"),
        (_call("first", "<string>second</string>"), "first"),
        (_call("acme", "between<i>x</i>"), "acme"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?>" + _call("x").replace(b"x", b"\xe9"), "é"),
    ],
)
def test_the_first_string_is_searched_for(body: bytes, text: str) -> None:
    assert read_search(body, 100) == text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (_call("acme", method="list_packages"), "search, with a string"),
        (_call("acme", method=""), "search, with a string"),
        (_call(""), "search, with a string"),
        (_call(" "), "search, with a string"),
        (b"<search>acme</search>", "search, with a string"),
        (_call("<i>acme</i>"), "search, with a string"),
        (b"<methodCall>", "not an XML-RPC call"),
        (b"search", "not an XML-RPC call"),
        (b"<!DOCTYPE methodCall>" + _call("acme"), "not an XML-RPC call"),
        (b"<?xml version='1.0' encoding='unheard-of'?>" + _call("acme"), "not an XML-RPC call"),
    ],
)
def test_another_call_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(HttpError, match=words) as refused:
        read_search(body, 100)
    assert refused.value.status == 400


def test_a_call_has_a_bounded_number_of_elements() -> None:
    assert read_search(_call("acme", "<i/>" * 2), 5) == "acme"
    with pytest.raises(HttpError, match="not an XML-RPC call"):
        read_search(_call("acme", "<i/>" * 3), 5)


class _Catalog:
    """Projects that are known once the list was brought up to date."""

    def __init__(self, **places: list[str]) -> None:
        self.places = {name.replace("_", "-"): filenames for name, filenames in places.items()}
        self.known: dict[str, list[str]] = {}
        self.workers = self

    async def run(self, work: Callable[[], Any]) -> Any:
        return work()

    async def refresh(self) -> None:
        self.known = self.places

    def names(self) -> list[str]:
        return [*self.known, "acme-just-gone"]

    def project(self, name: str) -> Project | None:
        return Project(name, dict.fromkeys(self.known[name], "")) if name in self.known else None


def _search(catalog: _Catalog, text: str, *, hidden: str = "", **limits: Any) -> Response:
    async def receive() -> Message:
        return {"type": "http.request", "body": _call(text), "more_body": False}

    async def read_scope(_request: Request) -> ReadScope:
        return ReadScope(lambda name: name != hidden)

    settings = ServerSettings(roots=(), limits=Limits(**limits))
    search = NameSearch(settings, cast("Any", catalog), cast("Any", SimpleNamespace(read_scope=read_scope)))
    request = Request({"type": "http", "method": "POST", "path": "/RPC2", "headers": []}, receive)
    return asyncio.run(search.answer(request))


def _found(answer: Response) -> list[dict[str, Any]]:
    ((found,), _) = xmlrpc.client.loads(answer.body)
    return cast("list[dict[str, Any]]", found)


def test_a_search_finds_parts_of_names_with_their_newest_versions() -> None:
    catalog = _Catalog(
        acme_widgets=["acme_widgets-1.9.tar.gz", "acme_widgets-1.10.tar.gz", "notes.txt"],
        my_acme=["my_acme-2.0-py3-none-any.whl"],
        acme_empty=[],
        other=["other-1.0.tar.gz"],
    )
    answer = _search(catalog, "Acme")
    assert (answer.status, dict(answer.headers)[b"content-type"]) == (200, b"text/xml")
    assert dict(answer.headers)[b"cache-control"] == b"no-store"
    assert _found(answer) == [
        {"name": "acme-widgets", "version": "1.10", "summary": "1.10", "_pypi_ordering": 0},
        {"name": "my-acme", "version": "2.0", "summary": "2.0", "_pypi_ordering": 0},
    ]
    assert [each["name"] for each in _found(_search(catalog, "ACME_widgets"))] == ["acme-widgets"]
    assert _found(_search(catalog, "nothing")) == []


def test_a_search_is_within_what_its_sender_may_see_and_its_bounds() -> None:
    catalog = _Catalog(**{f"p{number}": [f"p{number}-1.0.tar.gz"] for number in range(4)})
    assert [each["name"] for each in _found(_search(catalog, "p", hidden="p1"))] == ["p0", "p2", "p3"]
    assert [each["name"] for each in _found(_search(catalog, "p", search_results=2))] == ["p0", "p1"]
    assert len(_found(_search(catalog, "p", search_elements=3))) == 4
    with pytest.raises(HttpError, match="not an XML-RPC call"):
        _search(catalog, "p", search_elements=2)
