"""Requests to an upstream: redirects, validity of a page, and what is said of a failure."""

import asyncio
import gzip
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from publisher.secret import Credentials, Secret
from publisher.server.settings import UpstreamSource
from publisher.server.upstream.client import PAGE_ACCEPT, FileReply, PageReply, UpstreamClient, origin_of
from publisher.server.upstream.errors import UpstreamUnavailableError
from tests.helpers.answering import Answer, Request, answering
from tests.helpers.passing_on import QUICK

if TYPE_CHECKING:
    import aiohttp

Reply = Callable[[Request], Answer | None]


class Asked:
    """The outcome of one request for a page, and the requests that arrived."""

    def __init__(
        self,
        reply: Reply,
        *,
        etag: str = "",
        credentials: Credentials | None = None,
        **limits: Any,
    ) -> None:
        self.requests: list[Request] = []
        self.limits = replace(QUICK, **limits)

        def note(request: Request) -> Answer | None:
            self.requests.append(request)
            return reply(request)

        with answering(note) as url:
            self.url = url
            self.outcome = asyncio.run(self._ask(UpstreamSource(f"{url}simple/", credentials=credentials), etag))

    async def _ask(self, source: UpstreamSource, etag: str) -> PageReply | UpstreamUnavailableError:
        client = UpstreamClient(self.limits)
        try:
            return await client.page(source, f"{source.url}foo/", etag)
        except UpstreamUnavailableError as error:
            return error
        finally:
            await client.close()

    @property
    def page(self) -> PageReply:
        assert isinstance(self.outcome, PageReply)
        return self.outcome

    @property
    def failure(self) -> str:
        assert isinstance(self.outcome, UpstreamUnavailableError)
        return self.outcome.message

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


def moved(status: int, location: str | None, then: Answer | None = None) -> Reply:
    """Return answers that redirect the first path."""

    def reply(request: Request) -> Answer | None:
        if request.path == "/simple/foo/":
            return Answer(status, b"", {} if location is None else {"Location": location})
        return then or Answer(200, b"there")

    return reply


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int) -> None:
    asked = Asked(moved(status, "/else/where"))
    assert (asked.page.status, asked.page.body) == (200, b"there")
    assert asked.page.url == f"{asked.url}else/where"
    assert asked.paths == ["/simple/foo/", "/else/where"]


@pytest.mark.parametrize("status", [300, 304, 305, 404, 410, 500])
def test_another_status_is_the_answer(status: int) -> None:
    asked = Asked(moved(status, "/else/where"))
    assert (asked.page.status, asked.page.body, asked.page.etag) == (status, b"", "")
    assert asked.paths == ["/simple/foo/"]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_redirects_are_followed_up_to_the_limit(number: int) -> None:
    def reply(request: Request) -> Answer:
        done = len(asked_paths)
        asked_paths.append(request.path)
        return Answer(200, b"there") if done == 2 else Answer(302, b"", {"Location": f"/{done}"})

    asked_paths: list[str] = []
    asked = Asked(reply, redirects=number)
    assert len(asked_paths) == number + 1
    if number == 2:
        assert asked.page.body == b"there"
    else:
        assert asked.failure == f"Upstream redirects more than {number} times."


@pytest.mark.parametrize(
    ("location", "says"),
    [
        (None, "to an address that is not valid"),
        ("", "to an address that is not valid"),
        ("ftp://files.example/", "to an address that is not valid"),
        ("https://", "to an address that is not valid"),
        ("https://[/", "to an address that is not valid"),
        ("https://files.example:0/", "to an address that is not valid"),
        ("https://files.example:99999/", "to an address that is not valid"),
        ("https://ada@files.example/", "to an address with a user name"),
    ],
)
def test_a_redirect_to_nowhere_is_a_failure(location: str | None, says: str) -> None:
    asked = Asked(moved(302, location))
    assert says in asked.failure
    assert len(asked.requests) == 1


def test_a_page_comes_with_its_facts() -> None:
    headers = {"ETag": '"tag"', "Cache-Control": "public, max-age=77"}
    asked = Asked(lambda _: Answer(200, b"{}", headers))
    assert asked.page == PageReply(200, f"{asked.url}simple/foo/", b"{}", '"tag"', 77, None)
    (request,) = asked.requests
    assert (request.headers["Accept"], request.headers["Accept-Encoding"]) == (PAGE_ACCEPT, "gzip")
    assert request.headers["User-Agent"] == "pypi-publish"
    assert {"If-None-Match", "Authorization", "Cookie"}.isdisjoint(request.headers)


def test_a_known_page_is_asked_for_by_its_tag() -> None:
    asked = Asked(lambda _: Answer(304), etag='"tag"')
    assert asked.page.status == 304
    assert asked.requests[0].headers["If-None-Match"] == '"tag"'


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("max-age=0", 0),
        ("s-maxage=9, max-age=7", 9),
        ("max-age=600, public", 600),
        ("no-store", None),
        ("max-age=soon", None),
        ("", None),
    ],
)
def test_the_age_of_a_page_is_what_upstream_says(header: str, seconds: int | None) -> None:
    assert Asked(lambda _: Answer(200, b"{}", {"Cache-Control": header})).page.max_age == seconds


ZIPPED: Mapping[str, str] = {"Content-Encoding": "gzip"}


def test_a_zipped_page_is_unpacked_and_kept_as_it_came() -> None:
    packed = gzip.compress(b"page" * 1000)
    asked = Asked(lambda _: Answer(200, packed, {"Content-Encoding": "GZIP"}))
    assert (asked.page.body, asked.page.packed) == (b"page" * 1000, packed)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("size", "fits"), [(100, True), (101, False), (100_000, False)])
def test_a_page_is_as_large_as_the_limit_allows(size: int, *, zipped: bool, fits: bool) -> None:
    body = b"x" * size
    answer = Answer(200, gzip.compress(body), ZIPPED) if zipped else Answer(200, body)
    asked = Asked(lambda _: answer, page_size=100)
    if fits:
        assert asked.page.body == body
    else:
        assert asked.failure == "Upstream's page is larger than 100 bytes."


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(200, gzip.compress(b"page")[:-1], ZIPPED), "Upstream's page is incomplete."),
        (Answer(200, b"", ZIPPED), "Upstream's page is incomplete."),
        (Answer(200, b"no gzip", ZIPPED), "The connection to upstream failed: "),
        (Answer(200, b"half", {"Content-Length": "8", "Connection": "close"}), "The connection to upstream failed: "),
        (None, "Upstream can't be reached: "),
    ],
)
def test_a_page_that_is_cut_short_is_a_failure(answer: Answer | None, says: str) -> None:
    asked = Asked(lambda _: answer, silence=0.1)
    assert asked.failure.startswith(says)
    assert asked.failure.endswith(".")


def test_credentials_are_for_the_origin_alone() -> None:
    ada = Credentials("ada", Secret("p:\u00e4"), "a test")
    with answering(lambda request: Answer(200, request.headers.get("Authorization", "none").encode())) as other:
        elsewhere = Asked(moved(302, other.replace("127.0.0.1", "localhost")), credentials=ada)
        assert elsewhere.page.body == b"none"
    here = Asked(moved(302, "/else"), credentials=ada)
    assert [request.headers["Authorization"] for request in here.requests] == ["Basic YWRhOnA6w6Q="] * 2


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Up.example/simple/", ("https", "up.example", 443)),
        ("http://up.example/", ("http", "up.example", 80)),
        ("http://up.example:8080/x", ("http", "up.example", 8080)),
        ("https://ada:p@[::1]:80/", ("https", "::1", 80)),
        ("nothing", ("", "", 80)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: tuple[str, str, int]) -> None:
    assert origin_of(url) == origin


def test_a_client_can_be_closed_twice_and_before_its_first_request() -> None:
    async def work() -> None:
        client = UpstreamClient(QUICK)
        await client.close()
        await client.close()

    asyncio.run(work())


@pytest.mark.parametrize(("bypassed", "asked"), [("", 1), ("other.example", 1), ("127.0.0.1", 0)])
def test_a_proxy_is_asked_except_for_hosts_without_one(
    monkeypatch: pytest.MonkeyPatch, bypassed: str, asked: int
) -> None:
    requests: list[str] = []

    def reply(request: Request) -> Answer:
        requests.append(request.path)
        return Answer(200, b"by the proxy")

    async def ask() -> PageReply:
        client = UpstreamClient(QUICK)
        try:
            return await client.page(UpstreamSource("http://127.0.0.1:9/"), "http://127.0.0.1:9/foo/", "")
        finally:
            await client.close()

    with answering(reply) as url:
        for name, value in (("http_proxy", url), ("no_proxy", bypassed)):
            monkeypatch.setenv(name, value)
            monkeypatch.setenv(name.upper(), value)
        if asked:
            assert asyncio.run(ask()).body == b"by the proxy"
        else:
            with pytest.raises(UpstreamUnavailableError, match="can't be reached"):
                asyncio.run(ask())
    assert requests == ["http://127.0.0.1:9/foo/"] * asked


@pytest.mark.parametrize(
    ("length", "headers", "has_end"),
    [
        (5, {}, True),
        (0, {}, True),
        (None, {}, False),
        (None, {"Transfer-Encoding": "Chunked"}, True),
        (None, {"Transfer-Encoding": "gzip, chunked"}, True),
        (None, {"Transfer-Encoding": "gzip"}, False),
    ],
)
def test_the_end_of_a_file_is_marked_or_not(length: int | None, headers: dict[str, str], *, has_end: bool) -> None:
    response = SimpleNamespace(status=206, content_length=length, headers=headers)
    reply = FileReply(cast("aiohttp.ClientResponse", response))
    assert (reply.status, reply.length, reply.has_end) == (206, length, has_end)


@pytest.mark.parametrize(("length", "whole"), [("4", True), ("5", False)])
def test_a_file_comes_as_it_is_and_a_cut_one_is_a_failure(length: str, *, whole: bool) -> None:
    encodings: list[str] = []

    def reply(request: Request) -> Answer:
        encodings.append(request.headers["Accept-Encoding"])
        return Answer(200, b"file", {"Content-Length": length, "Connection": "close"})

    async def read(url: str) -> bytes:
        client = UpstreamClient(replace(QUICK, silence=0.1))
        try:
            async with client.file(UpstreamSource(f"{url}simple/"), f"{url}packages/foo") as found:
                assert (found.status, found.length) == (200, int(length))
                return b"".join([chunk async for chunk in found.chunks()])
        finally:
            await client.close()

    with answering(reply) as url:
        if whole:
            assert asyncio.run(read(url)) == b"file"
        else:
            with pytest.raises(UpstreamUnavailableError, match="The connection to upstream failed: "):
                asyncio.run(read(url))
    assert encodings == ["identity"]
