"""Requests and responses on their own: values, bodies, and what goes out."""

import asyncio
import json
from typing import Any

import pytest

from publisher.limits import LIMITS, Limits
from publisher.server.http.messages import (
    REASON,
    ClientGoneError,
    HttpError,
    Message,
    Request,
    Response,
    error_response,
    json_response,
    redirect,
)


def request(*messages: Message, limits: Limits = LIMITS, **scope: Any) -> Request:
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0) if waiting else await asyncio.Event().wait()  # type: ignore[return-value]

    return Request({"type": "http", "method": "GET", "path": "/", "headers": [], **scope}, receive, limits)


def sent(response: Response, asked: Request) -> tuple[int, list[Message]]:
    out: list[Message] = []

    async def send(message: Message) -> None:
        out.append(message)

    return asyncio.run(response.send(asked, send)), out


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", True),
        ("application/vnd.pypi.simple.v1+json", True),
        ("text/html, application/json", False),
        ("application/json, text/html", True),
        ("text/plain", False),
    ],
)
def test_json_is_for_clients_that_name_it_before_text(accept: str, *, is_json: bool) -> None:
    assert request(headers=[(b"accept", accept.encode())]).accepts_json_first() == is_json


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("/simple/", "", "/simple/"),
        ("/simple/", "/team", "/simple/"),
        ("/team/simple/", "/team", "/simple/"),
        ("/team/team/simple/", "/team/", "/simple/"),
        ("/team/team/team/", "/team", "/team/"),
        ("/team", "/team", "/"),
        ("/teams/simple/", "/team", "/teams/simple/"),
        ("/simple/", "/", "/simple/"),
    ],
)
def test_a_path_is_the_one_below_the_prefix(path: str, root: str, below: str) -> None:
    assert request(path=path, root_path=root).path == below


@pytest.mark.parametrize(
    ("scope", "base_url"),
    [
        ({}, "http://localhost/"),
        ({"scheme": "https", "headers": [(b"host", b"acme.example:8443")]}, "https://acme.example:8443/"),
        ({"root_path": "/a b/"}, "http://localhost/a%20b/"),
        ({"root_path": "//"}, "http://localhost/"),
    ],
)
def test_urls_are_those_that_the_client_sees(scope: dict[str, Any], base_url: str) -> None:
    assert request(**scope).base_url == base_url


def test_repeated_headers_are_one_list() -> None:
    asked = request(headers=[(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"a", b"\xe4")])
    assert (asked.header(b"a"), asked.header(b"b"), asked.header(b"c")) == ("1, 3, ä", "2", "")


def test_the_client_is_named_where_it_is_known() -> None:
    assert request(client=("192.0.2.1", 7)).client == "192.0.2.1"
    assert request(client=None).client == "-"


def test_a_body_comes_whole_up_to_its_limit() -> None:
    limits = Limits(body_size=4)
    assert asyncio.run(request(part(b"ab", more=True), part(b"cd"), limits=limits).body()) == b"abcd"
    assert asyncio.run(request({"type": "http.request"}, limits=limits).body()) == b""
    with pytest.raises(HttpError, match="longer than 4 bytes") as refused:
        asyncio.run(request(part(b"ab", more=True), part(b"cde", more=True), limits=limits).body())
    assert refused.value.status == 413


def test_a_body_that_does_not_come_is_refused() -> None:
    with pytest.raises(HttpError) as refused:
        asyncio.run(request(part(b"ab", more=True), limits=Limits(body_time=0.01)).body())
    assert refused.value.status == 408
    with pytest.raises(ClientGoneError):
        asyncio.run(request(part(b"ab", more=True), {"type": "http.disconnect"}).body())


def test_work_goes_on_until_the_client_has_gone() -> None:
    asked = request(part(b""), part(b""), {"type": "http.disconnect"}, part(b"next"))
    asyncio.run(asked.gone())
    assert asyncio.run(asked.chunks()) == part(b"next")


def test_a_response_goes_out_with_its_length() -> None:
    response = Response(200, b"abc", [(b"x", b"y")])
    count, (start, body) = sent(response, request())
    assert (count, body["body"]) == (3, b"abc")
    assert start["headers"] == [(b"x", b"y"), (b"content-length", b"3")]
    assert response.head == b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 3\r\n"


def test_head_gets_the_length_without_the_body_and_304_neither() -> None:
    count, (start, body) = sent(Response(200, b"abc"), request(method="HEAD"))
    assert (count, start["headers"], body["body"]) == (0, [(b"content-length", b"3")], b"")
    count, (start, body) = sent(Response(304, b"abc", [(b"etag", b'"1"')]), request())
    assert (count, start["headers"], body["body"]) == (0, [(b"etag", b'"1"')], b"")
    assert Response(304, b"abc").head == b"HTTP/1.1 304 Not Modified\r\n"


def test_a_reason_goes_to_servers_that_can_send_it() -> None:
    response = Response(403, b"no", reason=b"Forbidden: no")
    count, (start,) = sent(response, request(extensions={REASON: {}}))
    assert (count, start[REASON], start["body"]) == (2, b"Forbidden: no", b"no")
    _, messages = sent(response, request())
    assert len(messages) == 2
    _, messages = sent(Response(403, b"no"), request(extensions={REASON: {}}))
    assert len(messages) == 2


@pytest.mark.parametrize(
    ("method", "status", "has_reason"),
    [
        ("GET", 403, True),
        ("GET", 502, True),
        ("GET", 503, True),
        ("GET", 404, False),
        ("GET", 401, False),
        ("POST", 400, True),
        ("PUT", 400, False),
    ],
)
def test_uploaders_and_refused_installers_get_the_reason_in_the_first_line(
    method: str, status: int, *, has_reason: bool
) -> None:
    response = error_response(request(method=method), HttpError(status, "Nö:\nno."))
    assert response.reason.endswith(b": N?:?no.") == has_reason
    assert bool(response.reason) == has_reason


def test_a_reason_is_as_long_as_a_line_may_be() -> None:
    response = error_response(request(method="POST"), HttpError(400, "x" * (LIMITS.reason_phrase + 1)))
    assert response.reason == b"Bad Request: " + b"x" * LIMITS.reason_phrase


def test_an_error_is_text_or_json_with_its_headers() -> None:
    error = HttpError(401, "Who? \ud800", [(b"www-authenticate", b"Basic")])
    text = error_response(request(), error)
    assert (text.status, text.body) == (401, b"Who? \\ud800\n")
    assert dict(text.headers)[b"www-authenticate"] == b"Basic"
    assert dict(text.headers)[b"cache-control"] == b"no-store"
    assert dict(text.headers)[b"content-type"].startswith(b"text/plain")
    found = error_response(request(headers=[(b"accept", b"application/json")]), HttpError(404, "None."))
    assert json.loads(found.body) == {"message": "None.", "code": "404 None.", "title": "Not Found"}
    assert dict(found.headers)[b"content-type"] == b"application/json"


def test_json_is_kept_by_no_cache() -> None:
    response = json_response({"ä": "\ud800"}, 201)
    assert (response.status, response.body) == (201, '{"ä": "\\ud800"}'.encode())
    assert dict(response.headers) == {b"content-type": b"application/json", b"cache-control": b"no-store"}


def test_redirects_are_absolute_and_stay_below_the_prefix() -> None:
    asked = request(root_path="/team", headers=[(b"host", b"acme.example")])
    response = redirect(asked, "//simple/a b+c~d/")
    assert (response.status, response.body) == (301, b"")
    assert response.headers == [(b"location", b"http://acme.example/team/simple/a%20b+c~d/")]
    assert redirect(asked, "x", 308).status == 308


class _Sender:
    username = "ada"


def test_a_sender_is_looked_up_once_and_when_it_is_asked_for() -> None:
    asked, calls = request(), []
    assert (asked.principal, asked.username) == (None, None)

    def identify(_: Request) -> _Sender:
        calls.append(1)
        return _Sender()

    asked.identify_later(identify)
    assert calls == []
    assert [asked.username, asked.username] == ["ada", "ada"]
    assert calls == [1]
    asked.identify_later(identify)
    asked.principal = other = _Sender()
    assert asked.principal is other
    assert calls == [1]
