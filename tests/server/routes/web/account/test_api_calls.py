"""Forms as requests to the index's own API: what is sent in whose name, and answers without an object."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from publisher.server.http.messages import Message, Request, Response, json_response
from publisher.server.routes.web.account.api_calls import ApiCalls

HEADERS = [
    (b"host", b"pypi.acme.example"),
    (b"cookie", b"session=1"),
    (b"authorization", b"Basic xyz"),
    (b"origin", b"https://pypi.acme.example"),
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"content-length", b"999"),
    (b"accept-encoding", b"gzip"),
    (b"sec-fetch-site", b"same-origin"),
]


def _request() -> Request:
    async def receive() -> Message:
        raise AssertionError

    scope = {"type": "http", "method": "PATCH", "path": "/-/account/", "query_string": b"a=b", "root_path": "/python"}
    return Request({**scope, "headers": HEADERS, "client": ("192.0.2.1", 7)}, receive)


Call = Callable[[ApiCalls], Awaitable[Any]]


def _sent(call: Call, answer: Any = None) -> tuple[Any, Request, bytes]:
    """Return what a call returns, the request that it sends, and the body of that."""
    seen: list[tuple[Request, bytes]] = []

    async def take(request: Request) -> Any:
        seen.append((request, await request.body()))
        return answer if answer is not None else json_response({"done": True})

    async def run() -> Any:
        return await call(ApiCalls(take))

    found = asyncio.run(run())
    ((request, body),) = seen
    return found, request, body


@pytest.mark.parametrize(
    ("call", "method", "body"),
    [
        (lambda api: api.get(_request(), "-/tokens"), "GET", b""),
        (lambda api: api.post(_request(), "-/tokens", {"name": "é"}), "POST", b'{"name": "\\u00e9"}'),
        (lambda api: api.post(_request(), "-/tokens", {}), "POST", b"{}"),
        (lambda api: api.put(_request(), "-/tokens", {"a": 1}), "PUT", b'{"a": 1}'),
        (lambda api: api.delete(_request(), "-/tokens"), "DELETE", b""),
    ],
)
def test_a_form_becomes_a_request_of_the_api(call: Call, method: str, body: bytes) -> None:
    found, request, sent = _sent(call)
    assert found == {"done": True}
    assert (request.method, request.scope["path"], sent) == (method, "/-/tokens", body)
    assert request.scope["query_string"] == b""
    assert request.scope["client"] == ("192.0.2.1", 7)
    assert dict(request.headers) == {
        b"host": b"pypi.acme.example",
        b"origin": b"https://pypi.acme.example",
        b"sec-fetch-site": b"same-origin",
        b"content-type": b"application/json",
        b"content-length": b"%d" % len(body),
    }


def test_a_quoted_name_is_one_part_of_the_path() -> None:
    _, request, _ = _sent(lambda api: api.delete(_request(), "-/tokens/a%40b%20c"))
    assert request.scope["path"] == "/-/tokens/a@b c"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (json_response({}), {}),
        (json_response({"a": [1]}), {"a": [1]}),
        (json_response([1]), None),
        (Response(204, b"", []), None),
        (object(), None),
    ],
)
def test_an_answer_without_an_object_is_none(answer: Any, expected: Any) -> None:
    assert _sent(lambda api: api.get(_request(), "x"), answer)[0] == expected
