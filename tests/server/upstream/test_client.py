"""Requests to an upstream: redirects, validity of a page, and what is said of a failure."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
import trustme

from publisher.secret import Credentials, Secret
from publisher.server.settings import UpstreamSource
from publisher.server.upstream import client as module
from publisher.server.upstream.client import (
    PAGE_ACCEPT,
    FileReply,
    PageReply,
    PublicResolver,
    UpstreamClient,
    origin_of,
)
from publisher.server.upstream.errors import UpstreamUnavailableError
from tests.helpers.answering import Answer, Request, answering
from tests.helpers.passing_on import QUICK

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
        self.limits = QUICK._replace(**limits)

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
        client = UpstreamClient(QUICK._replace(silence=0.1))
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


def _in_loop(work: Callable[[UpstreamClient], Any]) -> Any:
    """Return the result of asynchronous work with a client."""

    async def run() -> Any:
        client = UpstreamClient(QUICK._replace(remembered_proxies=2))
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(run())


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Proxies of the environment by scheme, and the hosts under ``no``; changes count at once."""
    found: dict[str, str] = {}
    monkeypatch.setattr(module, "getproxies", lambda: dict(found))
    monkeypatch.setattr(module, "proxy_bypass", lambda host: host == found.get("no"))
    return found


def test_certificates_are_for_tls_to_the_host_or_to_a_proxy(proxies: dict[str, str]) -> None:
    proxies.update(http="https://proxy.example:3128", no="inside.example")
    client = UpstreamClient(QUICK)
    assert client._certificates_for("http://inside.example/") is True
    context = client._certificates_for("https://inside.example/")
    assert isinstance(context, ssl.SSLContext)
    assert client._certificates_for("http://files.example/") is context
    assert client._certificates_for("https://files.example/") is context


def test_the_proxy_of_a_host_is_looked_up_once_and_some_hosts_are_remembered(proxies: dict[str, str]) -> None:
    client = UpstreamClient(QUICK._replace(remembered_proxies=2))
    proxies.update(https="http://one.example", no="inside.example")
    assert client._proxy_for("https://a.example/x") == "http://one.example"
    assert client._proxy_for("http://a.example/x") is None
    assert client._proxy_for("https://inside.example/") is None
    proxies.clear()
    assert client._proxy_for("https://a.example/y") == "http://one.example"
    assert client._proxy_for("https://b.example/") is None  # the fourth; the others are forgotten
    assert client._proxy_for("https://a.example/y") is None


@pytest.mark.parametrize(
    ("public", "url", "guarded"),
    [
        (True, "https://mirror.example:443/x", False),
        (True, "https://files.example/x", True),
        (True, "https://8.8.8.8/x", True),
        (False, "https://files.example/x", False),
        (False, "https://127.0.0.1/x", False),
    ],
)
def test_another_origin_is_reached_with_care_from_the_internet_alone(
    monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str], url: str, *, public: bool, guarded: bool
) -> None:
    asked: list[str] = []

    async def is_public(host: str) -> bool:
        asked.append(host)
        return public

    monkeypatch.setattr(module, "is_public_host", is_public)
    source = UpstreamSource("https://mirror.example/simple/")

    async def work(client: UpstreamClient) -> None:
        session = await client._session_for(source, url)
        assert await client._session_for(source, url) is session
        assert (session is client._guarded) is guarded
        assert (session is client._session) is not guarded
        resolver = cast("aiohttp.TCPConnector", session.connector)._resolver
        assert isinstance(resolver, PublicResolver) is guarded
        proxies["https"] = "http://proxy.example"
        client._proxies.clear()
        assert await client._session_for(source, url) is client._session

    _in_loop(work)
    assert asked == ([] if "mirror" in url else ["mirror.example"])


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "[::1]", "[fd00::1]"])
def test_an_upstream_of_the_internet_leads_to_no_address_inside(
    monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str], host: str
) -> None:
    async def is_public(_host: str) -> bool:
        return True

    monkeypatch.setattr(module, "is_public_host", is_public)
    assert proxies == {}

    async def work(client: UpstreamClient) -> None:
        with pytest.raises(UpstreamUnavailableError, match="not a public address"):
            await client._session_for(UpstreamSource("https://mirror.example/simple/"), f"https://{host}/x")

    _in_loop(work)


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [(["127.0.0.1", "8.8.8.8", "10.0.0.1"], ["8.8.8.8"]), (["127.0.0.1"], None), ([], None)],
)
def test_a_host_has_its_public_addresses_alone(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], expected: list[str] | None
) -> None:
    async def resolve(_self: object, host: str, port: int, family: int) -> list[dict[str, object]]:
        assert (host, port, family) == ("files.example", 443, socket.AF_INET)
        return [{"host": address} for address in addresses]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)

    async def work(_client: UpstreamClient) -> None:
        resolver = PublicResolver()
        if expected is None:
            with pytest.raises(OSError, match="has no public address"):
                await resolver.resolve("files.example", 443)
        else:
            assert [each["host"] for each in await resolver.resolve("files.example", 443)] == expected

    _in_loop(work)


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("https://a.example/x/", "../y", "https://a.example/y"),
        ("https://a.example/", "https://b.example:1/", "https://b.example:1/"),
        ("http://a.example/", "https://b.example/", "https://b.example/"),
        ("http://a.example/", "http://b.example/", "http://b.example/"),
        ("https://a.example/", "http://a.example/", None),
    ],
)
def test_a_redirect_never_leaves_tls(url: str, location: str, target: str | None) -> None:
    if target is None:
        with pytest.raises(UpstreamUnavailableError, match="from https to http"):
            module._redirected(url, location)
    else:
        assert module._redirected(url, location) == target


@pytest.mark.parametrize(("host", "is_address"), [("8.8.8.8", True), ("::1", True), ("a.8", False), ("a", False)])
def test_a_host_is_an_address_or_a_name(host: str, *, is_address: bool) -> None:
    assert module._is_address(host) is is_address


def test_the_bundle_of_the_environment_is_trusted_too_if_it_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ours.pem"
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    before = module._tls().cert_store_stats()["x509"]  # a missing file is no reason to fail
    trustme.CA().cert_pem.write_to_path(bundle)
    assert module._tls().cert_store_stats()["x509"] == before + 1
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    assert module._tls().cert_store_stats()["x509"] == before


def test_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def read() -> Any:
        made.append(object())
        return made[-1]

    monkeypatch.setattr(module, "_tls", read)
    client = UpstreamClient(QUICK)
    for _ in range(2):
        client.trust()
    assert len(made) == 1
    assert client._tls is made[0]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError("5"), "it did not answer in time"),
        (OSError("refused\n  by  x"), "refused by x"),
        (OSError("at https://ada:secret@proxy.example/ ssl:default [No]"), "at https://ada:****@proxy.example/ [No]"),
        (OSError(""), "OSError"),
        (ValueError("x" * 300), "x" * 200),
    ],
)
def test_the_reason_of_a_failure_is_one_line_without_secrets(error: Exception, reason: str) -> None:
    assert module._reason(error) == reason
