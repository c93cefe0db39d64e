"""Requests to upstreams: connections, redirects, proxies, credentials and time-outs."""

import asyncio
import base64
import errno
import os
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp  # noqa: TID251 - a door to aiohttp
from aiohttp.abc import ResolveResult  # noqa: TID251

from publisher.limits import UpstreamLimits
from publisher.secret import Credentials, mask_urls
from publisher.server.settings import UpstreamSource
from publisher.server.upstream.addresses import is_public_address, is_public_host
from publisher.server.upstream.errors import UpstreamUnavailableError

PAGE_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"

_REDIRECTS = {301, 302, 303, 307, 308}
_TLS_OBJECT = re.compile(r" ssl:(?:default|True|<[^>]*>)")
_MAX_AGE = re.compile(r"(?:s-maxage|max-age)=(\d{1,9})")


class PageReply(NamedTuple):
    """
    Upstream's answer to a request for a page; ``max_age`` in seconds.

    ``body`` is decompressed, ``packed`` the same as it came if it was compressed by gzip.
    """

    status: int
    url: str
    body: bytes = b""
    etag: str = ""
    max_age: int | None = None
    packed: bytes | None = None


class FileReply:
    """Upstream's answer to a request for a file, whose body is still to be read."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.length = response.content_length
        self.has_end = self.length is not None or "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        """Whether the end of the body is marked, so that a truncated one is detected."""

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes in; raise UpstreamUnavailableError when it ends early or stalls."""
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UpstreamUnavailableError(f"The connection to upstream failed: {_reason(error)}.") from error


class PublicResolver(aiohttp.ThreadedResolver):
    """Resolves host names to public addresses alone; the connection is made to the address that was checked here."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the public addresses of a host; raise OSError when it has none."""
        found = [each for each in await super().resolve(host, port, family) if is_public_address(each["host"])]
        if not found:
            raise OSError(errno.EHOSTUNREACH, f"{host} has no public address")
        return found


class UpstreamClient:
    """
    A client of all upstreams with one pool of connections; it honors ``HTTPS_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE``.

    Credentials go to the origin of the upstream's own URL and to no other, also after redirects.
    """

    def __init__(self, limits: UpstreamLimits) -> None:
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None
        self._guarded: aiohttp.ClientSession | None = None
        self._public_sources: dict[str, bool] = {}
        self._tls: ssl.SSLContext | None = None
        self._proxies: dict[tuple[str, str], str | None] = {}

    async def close(self) -> None:
        """Close all connections."""
        sessions = [session for session in (self._session, self._guarded) if session is not None]
        self._session = self._guarded = None
        for session in sessions:
            await session.close()
        if sessions:
            for _ in range(2):  # transports end in the loop's next rounds
                await asyncio.sleep(0)

    def trust(self) -> None:
        """Read the certificates of authorities, which takes a while; the first request over TLS would do it."""
        self._tls = self._tls or _tls()

    async def page(self, source: UpstreamSource, url: str, etag: str) -> PageReply:
        """
        Return upstream's answer for a page, 304 when it is still the one that ``etag`` names.

        Raises UpstreamUnavailableError when there is no answer, or one that is too long or cut short.
        """
        headers = {"Accept": PAGE_ACCEPT, "Accept-Encoding": "gzip"}
        if etag:
            headers["If-None-Match"] = etag
        async with self._get(source, url, headers) as response:
            if response.status != 200:
                return PageReply(response.status, str(response.url))
            try:
                body, packed = await self._body(response)
            except (aiohttp.ClientError, TimeoutError, OSError, zlib.error) as error:
                raise UpstreamUnavailableError(f"The connection to upstream failed: {_reason(error)}.") from error
            found = _MAX_AGE.search(response.headers.get("Cache-Control", ""))
            max_age = int(found[1]) if found else None
            return PageReply(200, str(response.url), body, response.headers.get("ETag", ""), max_age, packed)

    @asynccontextmanager
    async def file(self, source: UpstreamSource, url: str) -> AsyncIterator[FileReply]:
        """Ask for a file, as it is, not compressed; raise UpstreamUnavailableError when there is no answer."""
        async with self._get(source, url, {"Accept-Encoding": "identity"}) as response:
            yield FileReply(response)

    @asynccontextmanager
    async def _get(
        self, source: UpstreamSource, url: str, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Follow redirects by hand: never from https to http, and never with credentials to another origin."""
        for _ in range(self._limits.redirects + 1):
            try:
                session = await self._session_for(source, url)
                response = await session.get(
                    url,
                    headers={**headers, **_authorization(source, url)},
                    allow_redirects=False,
                    proxy=self._proxy_for(url),
                    ssl=self._certificates_for(url),
                )
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                raise UpstreamUnavailableError(f"Upstream can't be reached: {_reason(error)}.") from error
            try:
                if response.status not in _REDIRECTS:
                    yield response
                    return
                url = _redirected(url, response.headers.get("Location", ""))
            finally:
                response.close() if response.content.at_eof() is False else response.release()
        raise UpstreamUnavailableError(f"Upstream redirects more than {self._limits.redirects} times.")

    async def _body(self, response: aiohttp.ClientResponse) -> tuple[bytes, bytes | None]:
        """Return a page's body, decompressed, within the limit, and as it came if it was compressed."""
        limit = self._limits.page_size
        zipped = response.headers.get("Content-Encoding", "").lower() == "gzip"
        decompress = zlib.decompressobj(zlib.MAX_WBITS | 16) if zipped else None
        parts: list[bytes] = []
        packed: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            part = decompress.decompress(chunk, limit - size + 1) if decompress else chunk
            packed.append(chunk)
            size += len(part)
            if size > limit or (decompress and decompress.unconsumed_tail):
                raise UpstreamUnavailableError(f"Upstream's page is larger than {limit} bytes.")
            parts.append(part)
        if decompress and not decompress.eof:
            raise UpstreamUnavailableError("Upstream's page is incomplete.")
        return b"".join(parts), b"".join(packed) if decompress else None

    async def _session_for(self, source: UpstreamSource, url: str) -> aiohttp.ClientSession:
        """
        Return the session for a URL: a guarded one for other origins that an upstream of the internet leads to.

        Raises UpstreamUnavailableError for an address of this machine or its network there.
        """
        if origin_of(url) == origin_of(source.url) or self._proxy_for(url) is not None:
            return self._plain_session()
        if source.url not in self._public_sources:
            self._public_sources[source.url] = await is_public_host(urlsplit(source.url).hostname or "")
        if not self._public_sources[source.url]:
            return self._plain_session()
        host = urlsplit(url).hostname or ""
        if _is_address(host) and not is_public_address(host):
            raise UpstreamUnavailableError(f"Upstream leads to {host}, which is not a public address.")
        if self._guarded is None:
            self._guarded = self._new_session(PublicResolver())
        return self._guarded

    def _plain_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._new_session(None)
        return self._session

    def _new_session(self, resolver: PublicResolver | None) -> aiohttp.ClientSession:
        limits = self._limits
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, limit_per_host=limits.connections_per_host, ttl_dns_cache=60, resolver=resolver
            ),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=limits.connect, sock_read=limits.silence, connect=None
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=2**18,
            headers={"User-Agent": "pypi-publish"},
        )

    def _certificates_for(self, url: str) -> ssl.SSLContext | bool:
        """Return the TLS context that verifies a host; a proxy may be reached over TLS for a URL that is not."""
        if not url.startswith("https:") and self._proxy_for(url) is None:
            return True
        self.trust()
        assert self._tls is not None  # noqa: S101 - for the type checker
        return self._tls

    def _proxy_for(self, url: str) -> str | None:
        """Return the proxy that the environment names for a URL; it is read once for each host."""
        parts = urlsplit(url)
        key = parts.scheme, parts.netloc
        if key not in self._proxies:
            if len(self._proxies) > self._limits.remembered_proxies:
                self._proxies.clear()
            self._proxies[key] = _proxy_of(url)
        return self._proxies[key]


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def _is_address(host: str) -> bool:
    """Return whether a host is written as an address, which is not resolved."""
    return ":" in host or host.replace(".", "").isdigit()


def _authorization(source: UpstreamSource, url: str) -> dict[str, str]:
    """Return the header with an upstream's credentials, for its own origin alone."""
    credentials: Credentials | None = source.credentials
    if credentials is None or origin_of(url) != origin_of(source.url):
        return {}
    both = f"{credentials.username}:{credentials.password.reveal()}"
    return {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}


def _proxy_of(url: str) -> str | None:
    """Return the proxy that the environment names for a URL; netrc is not read, as its default entry fits any host."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _redirected(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        port_is_valid = False
    if not location or not port_is_valid or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UpstreamUnavailableError("Upstream redirects to an address that is not valid.")
    if parts.username is not None:
        raise UpstreamUnavailableError("Upstream redirects to an address with a user name.")
    if url.startswith("https:") and parts.scheme == "http":
        raise UpstreamUnavailableError("Upstream redirects from https to http.")
    return target


def _tls() -> ssl.SSLContext:
    """Return the certificates of the system or of SSL_CERT_FILE, and those that REQUESTS_CA_BUNDLE adds."""
    context = ssl.create_default_context()
    extra = os.environ.get("REQUESTS_CA_BUNDLE", "")
    if extra and os.path.isfile(extra):  # noqa: PTH113 - a variable's text
        context.load_verify_locations(extra)
    return context


def _reason(error: Any) -> str:
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "it did not answer in time"
    if isinstance(error, aiohttp.ClientHttpProxyError):  # its text has the proxy's URL, with the password
        return f"the proxy answered {error.status}"
    text = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    text = _TLS_OBJECT.sub("", mask_urls(text)) or type(error).__name__
    return " ".join(text.split())[:200]
