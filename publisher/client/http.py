"""One HTTP session with an index: sending a request, and saying why it could not be sent."""

import datetime as dt
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests  # noqa: TID251 - the only door to requests
import urllib3  # noqa: TID251 - a door to urllib3
from requests.adapters import HTTPAdapter  # noqa: TID251

from publisher import __version__
from publisher.errors import IndexUnavailableError
from publisher.secret import Secret, mask_urls

Response = requests.Response
Session = requests.Session

USER_AGENT = f"pypi-publish/{__version__}"
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and seconds without a byte while reading."""

_RETRIES = urllib3.Retry(
    total=4,
    connect=1,
    read=2,
    other=0,
    backoff_factor=0.3,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=("GET", "HEAD"),
    raise_on_status=False,
    redirect=False,
)


class BasicAuth(requests.auth.AuthBase):
    """Basic credentials in UTF-8 (RFC 7617); without any it keeps requests from reading netrc on its own."""

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


@dataclass(frozen=True)
class Probe:
    """One answer and what it tells of the connection: seconds until it came, the server's clock, its certificate."""

    response: Response
    certificate_end: dt.datetime | None
    """When the certificate expires; None without TLS."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    @property
    def seconds(self) -> float:
        """How long the answer took, the connection included."""
        return self.response.elapsed.total_seconds()

    @property
    def date(self) -> dt.datetime | None:
        """The server's time when it answered; None where it does not tell."""
        try:
            return parsedate_to_datetime(self.response.headers.get("Date", ""))
        except ValueError:
            return None

    @property
    def json(self) -> Any:
        """What it says in JSON; None when it is something else."""
        try:
            return self.response.json()
        except ValueError:
            return None


def open_session(auth: BasicAuth | BearerAuth, *, retries: bool = True) -> Session:
    """Return a session that retries reads, takes proxies and certificates from the environment, and never redirects."""
    session = requests.Session()
    session.auth = auth
    session.headers["User-Agent"] = USER_AGENT
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_RETRIES if retries else 0))
    return session


def probe(session: Session, url: str, accept: str) -> Probe:
    """
    Return the answer to one GET, whatever its status, and what it tells of the connection.

    Raises IndexUnavailableError when there is no answer.
    """
    with reaching(url):
        response = session.get(url, headers={"Accept": accept}, allow_redirects=False, timeout=TIMEOUT, stream=True)
        certificate_end = _certificate_end(response)  # known as long as the body is not read
        _ = response.content
    return Probe(response, certificate_end)


def _certificate_end(response: Response) -> dt.datetime | None:
    socket_ = getattr(getattr(response.raw, "connection", None), "sock", None)
    if not isinstance(socket_, ssl.SSLSocket) or not (certificate := socket_.getpeercert()):
        return None
    return dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), dt.UTC)


def get(session: Session, url: str, headers: Mapping[str, str] | None = None) -> Response:
    """
    Return the answer to a GET, whatever its status, following redirects only within the same scheme and host.

    Raises IndexUnavailableError when there is no answer.
    """
    for _ in range(4):
        with reaching(url):
            response = session.get(url, headers=headers, allow_redirects=False, timeout=TIMEOUT)
        target = response.next.url if response.is_redirect and response.next and response.next.url else None
        if target is None or not same_origin(url, target):
            return response
        url = target
    raise IndexUnavailableError(f"The index redirects {mask_urls(url)} in a circle.")


def same_origin(one: str, other: str) -> bool:
    """Tell whether two absolute URLs have the same scheme, host and port."""
    return urlsplit(one)[:2] == urlsplit(other)[:2]


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn every way in which a request can get no answer into an IndexUnavailableError that names the cause."""
    try:
        yield
    except requests.RequestException as error:
        reason, hint = _explain(error, url)
        raise IndexUnavailableError(f"No answer from {mask_urls(url)}: {reason}.", hint=hint) from error


def _explain(error: Exception, url: str) -> tuple[str, str]:
    """Return the cause of a connection error in words, and what to do about it."""
    host = urlsplit(url).hostname
    causes = list(_causes(error))
    text = " ".join(str(cause) for cause in causes)

    def caused_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    again = "Check the network and run the same command again: nothing is lost by that."
    broken = f"If the index serves TLS, use {url.replace('http:', 'https:', 1)}. {again}" if "http:" in url else again
    explanations = [
        (
            caused_by(socket.gaierror, urllib3.exceptions.NameResolutionError),
            f"there is no host named {host!r}",
            "Check the spelling of the index URL, and the network.",
        ),
        *_explain_certificate(
            next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
        ),
        (
            any(sign in text for sign in ("WRONG_VERSION_NUMBER", "wrong version number", "RECORD_LAYER_FAILURE")),
            "it does not speak TLS there",
            f"If it serves plain HTTP, use {url.replace('https:', 'http:', 1)}.",
        ),
        (
            caused_by(requests.exceptions.ProxyError),
            "the proxy did not let the request through",
            "Check HTTPS_PROXY and NO_PROXY.",
        ),
        (caused_by(requests.exceptions.Timeout), "it took too long to answer", again),
        (
            caused_by(ConnectionRefusedError),
            "the connection was refused",
            "Check host and port of the index URL, and that the index is running.",
        ),
        (
            caused_by(requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema),
            "that is not a URL that can be requested",
            "Check the spelling of the index URL.",
        ),
        (True, "the connection broke off", broken),
    ]
    return next((reason, hint) for applies, reason, hint in explanations if applies)


def _explain_certificate(error: ssl.SSLCertVerificationError | None) -> Iterator[tuple[bool, str, str]]:
    """Yield what is wrong with a certificate, by the code that OpenSSL gives it (X509_V_ERR_...)."""
    if error is None:
        return
    code = error.verify_code
    renew = "Whoever runs the index has to renew it; if today's date is wrong on this machine, set its clock."
    yield code == 10, "its TLS certificate has expired", renew
    yield code == 9, "its TLS certificate is not valid yet", renew
    yield code in {62, 64}, "its TLS certificate is another host's", "Use the host name that the certificate is for."
    yield (
        True,
        f"its TLS certificate is not trusted ({error.verify_message})",
        "Set REQUESTS_CA_BUNDLE to the certificate authority's file (pip: PIP_CERT, uv: SSL_CERT_FILE).",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and everything that it was raised from or wraps."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = next((argument for argument in error.args if isinstance(argument, BaseException)), None)
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else inner or error.__cause__ or error.__context__
