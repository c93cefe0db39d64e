"""HTTP with one origin: a session whose credentials go to its scheme, host and port, and to nothing else."""

import datetime as dt
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from threading import Event
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import requests  # noqa: TID251 - a door to requests
import urllib3  # noqa: TID251 - a door to urllib3

from publisher.client.abort import AbortableAdapter
from publisher.client.failures import refuse_proxy_answer, translate_failures
from publisher.client.plain.session import USER_AGENT
from publisher.client.response import WORTH_ANOTHER_TRY, parse_json, redirect_target, refuse_downgrade
from publisher.client.url import is_same_origin
from publisher.errors import IndexUnavailableError
from publisher.secret import Secret, mask_urls
from publisher.waiting import waiting_for

Response = requests.Response

TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and seconds without a byte while reading."""

_WHOLE_READ = 5
"""Limit of a whole read, as a multiple of the limit without a byte."""

_REDIRECTS = 4
_LONGEST_PAUSE = 10.0
"""Seconds between two attempts of a read, whatever Retry-After asks for."""


class _BoundedRetry(urllib3.Retry):
    """Retries of reads with a bounded pause: a long Retry-After would use up the limit of the whole read."""

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, _LONGEST_PAUSE)


_RETRIES = _BoundedRetry(
    total=4,
    connect=1,
    read=2,
    other=0,
    backoff_factor=0.3,
    status_forcelist=WORTH_ANOTHER_TRY,
    allowed_methods=("GET", "HEAD"),
    raise_on_status=False,
    redirect=False,
)


class BasicAuth(requests.auth.AuthBase):
    """Basic credentials in UTF-8 (RFC 7617); none without a user name."""

    def __init__(self, username: str | None = None, password: Secret | None = None) -> None:
        self._username = username
        self._password = password

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header that authenticates the request."""
        if self._username is None or self._password is None:
            return request
        requests.auth.HTTPBasicAuth(self._username.encode(), self._password.reveal().encode())(request)
        return request


class BearerAuth(requests.auth.AuthBase):
    """A bearer token (RFC 6750)."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header that authenticates the request."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


class _OriginAuth(requests.auth.AuthBase):
    """Credentials for one origin; it compares the URL as requests has parsed it, which is where the request goes."""

    def __init__(self, url: str, auth: BasicAuth | BearerAuth | None) -> None:
        self._url = url
        self._auth = auth

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._auth is None or request.url is None or not is_same_origin(self._url, request.url):
            return request
        return self._auth(request)


class _Session(requests.Session):
    """A session that looks for proxies and certificates in the environment once for each host, not for each request."""

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[tuple[str, str], Mapping[str, Any]] = {}

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Return the settings for a request."""
        if proxies or verify is not None or cert is not None:
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        parts = urlsplit(url)
        place = (parts.scheme, parts.netloc)
        if place not in self._settings:
            self._settings[place] = super().merge_environment_settings(url, {}, None, None, None)
        found = self._settings[place]
        return {**found, "proxies": dict(found["proxies"]), "stream": found["stream"] if stream is None else stream}


class Probe(NamedTuple):
    """One answer and facts about the connection: seconds until it came, the server's clock, its certificate."""

    response: Response
    certificate_end: dt.datetime | None
    """Expiry of the certificate; None without TLS."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    @property
    def seconds(self) -> float:
        """Seconds until the answer came, the connection included."""
        return self.response.elapsed.total_seconds()

    @property
    def date(self) -> dt.datetime | None:
        """The server's time when it answered; None without a valid Date header."""
        try:
            return parsedate_to_datetime(self.response.headers.get("Date", ""))
        except ValueError:
            return None

    @property
    def json(self) -> Any:
        """The JSON of the body; None when it is something else."""
        return parse_json(self.response)


class IndexSession:
    """
    The connections to one origin, and its credentials; several threads may use them.

    It retries reads, takes proxies and certificates from the environment, and follows redirects within an origin only.
    Every method raises IndexUnavailableError without an answer, or when the answer is a redirect of the same host from
    https to http.
    """

    def __init__(
        self,
        url: str,
        auth: BasicAuth | BearerAuth | None = None,
        *,
        retries: bool = True,
        patience: float | None = None,
    ) -> None:
        """Connect to an origin; ``patience`` is the number of seconds without a byte while reading."""
        self._timeout = TIMEOUT if patience is None else (TIMEOUT[0], patience)
        self._shown = mask_urls(url)
        self._session = _Session()
        self._session.auth = _OriginAuth(url, auth)
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # they would reach other ports, too
        self._adapter = AbortableAdapter(_RETRIES if retries else 0)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def abort(self) -> None:
        """Break the connections, so that requests that other threads wait for fail at once."""
        self._adapter.abort()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: Iterable[bytes | memoryview] | None = None,
    ) -> Response:
        """Return the answer to one request, whatever its status; redirects are not followed."""
        data = cast("Iterable[bytes] | None", body)  # a socket sends memoryviews, too
        return self._send(method, url, headers=headers, json=json, data=data)

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to a GET, whatever its status, after redirects within the URL's origin."""
        for _ in range(_REDIRECTS):
            response = self.request("GET", url, headers=headers)
            target = redirect_target(response)
            if target is None or not is_same_origin(url, target):
                return response
            url = target
        raise IndexUnavailableError(f"The index redirects {mask_urls(url)} in a loop.")

    def probe(self, url: str, accept: str) -> Probe:
        """Return the answer to one GET, whatever its status, and facts about the connection."""
        response = self._send("GET", url, headers={"Accept": accept}, stream=True)
        with self._limited(), translate_failures(url):
            certificate_end = _certificate_end(response)  # known as long as the body is not read
            _ = response.content
        return Probe(response, certificate_end)

    def _send(self, method: str, url: str, **options: Any) -> Response:
        with self._limited() if options.get("data") is None else nullcontext(), translate_failures(url):
            response = self._session.request(method, url, allow_redirects=False, timeout=self._timeout, **options)
        if response.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            refuse_proxy_answer(url)
        refuse_downgrade(url, response)
        return response

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """Show the wait for an answer, and end it when the index sends without an end; uploads show their own."""
        limit = _WHOLE_READ * self._timeout[1]
        is_over = Event()

        def give_up() -> None:
            is_over.set()
            self.abort()

        try:
            with waiting_for(self._shown, limit=limit, give_up=give_up):
                yield
        finally:
            if is_over.is_set():  # also in place of an answer: one without a length seems to be whole where it was cut
                raise IndexUnavailableError(
                    f"{self._shown} did not finish its answer within {limit:.0f} seconds.", hint="Try again later."
                )


def _certificate_end(response: Response) -> dt.datetime | None:
    socket = getattr(getattr(response.raw, "connection", None), "sock", None)
    if not isinstance(socket, ssl.SSLSocket) or not (certificate := socket.getpeercert()):
        return None
    return dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), dt.UTC)
