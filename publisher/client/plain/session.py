"""Requests to one origin for which `requests` is not needed; for all others, the caller has to use it."""

import base64
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit
from weakref import WeakSet

from publisher import __version__
from publisher.client.plain.connection import Connection, EncryptedConnection, tls_context
from publisher.client.plain.response import PlainResponse
from publisher.client.response import refuse_downgrade
from publisher.client.url import is_same_origin
from publisher.secret import Credentials, mask_urls
from publisher.waiting import waiting_for

if TYPE_CHECKING:
    import ssl

USER_AGENT = f"pypi-publish/{__version__}"

_PATIENCE = 10.0
"""Seconds to connect, and seconds without a byte of a GET's answer; then `requests` asks again, and waits longer."""

_POST_PATIENCE = 60.0
"""Seconds without a byte of a POST's answer, or until a piece of its body is accepted."""

_WHOLE_READ = 30.0
"""Seconds for the whole answer to a GET."""

_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_~+@-][A-Za-z0-9._~+@-]*)*/?", re.ASCII)
"""URLs that every client sends as they are; others are quoted or normalized first."""

_FAILURES = (OSError, HTTPException, ValueError)


class Body(Protocol):
    """A request's body, in pieces; its length is in bytes, and a second iteration starts from the beginning."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes | memoryview]: ...


class PlainSession:
    """
    The connections to one origin, with the credentials of one user or none; several threads may use them.

    It sends nothing if the environment names a proxy, if a URL is not a plain one or has another origin, or if no
    connection can be made, for example because a certificate is not trusted.
    """

    def __init__(self, url: str, credentials: Credentials | None) -> None:
        self._url = url
        self._shown = mask_urls(url)
        self._credentials = credentials
        self._is_direct = not _has_proxy()
        self._tls: ssl.SSLContext | None = None
        self._lock = Lock()
        self._is_closed = False
        self._idle: list[Connection] = []
        self._connections: WeakSet[Connection] = WeakSet()

    def get(self, url: str, headers: Mapping[str, str]) -> PlainResponse | None:
        """
        Return the answer to a GET; None if `requests` has to ask.

        It has to ask, too, after an answer that it would not accept as the last one, or might read differently.
        """
        connection = self._connect(url)
        if connection is None:
            return None
        try:
            with (
                self._keeping(connection),
                waiting_for(self._shown, limit=_WHOLE_READ, give_up=connection.abort),
            ):
                own = {**_own_headers(self._credentials), "Accept-Encoding": "gzip"}
                response = connection.exchange("GET", url, {**own, **headers}, None, _PATIENCE)
        except _FAILURES:
            return None
        return response if response.is_conclusive else None

    def post(self, url: str, headers: Mapping[str, str], body: Body) -> PlainResponse | None:
        """
        Return the answer to a POST, whatever its status; None if nothing was sent, so that `requests` has to send it.

        Raises IndexUnavailableError without an answer, and when the answer is a redirect to the same host from https to
        http.
        """
        connection = self._connect(url)
        if connection is None:
            return None
        try:
            with self._keeping(connection):
                own = {**_own_headers(self._credentials), "Accept-Encoding": "identity", "Accept": "*/*"}
                own["Content-Length"] = str(len(body))
                response = connection.exchange("POST", url, {**own, **headers}, body, _POST_PATIENCE)
        except _FAILURES:
            from publisher.client.failures import translate_failures  # noqa: PLC0415 - imports requests

            with translate_failures(url):
                raise
        if response.status_code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            from publisher.client.failures import refuse_proxy_answer  # noqa: PLC0415 - imports requests

            refuse_proxy_answer(url)
        refuse_downgrade(url, response)
        return response

    def close(self) -> None:
        """Close all connections; those in use are closed after their answers."""
        with self._lock:
            self._is_closed = True
            while self._idle:
                self._idle.pop().close()

    def abort(self) -> None:
        """Abort all connections, so that the requests of other threads fail at once."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.abort()

    def _connect(self, url: str) -> Connection | None:
        """Return a connection, one that is open already if there is one; None if `requests` has to make it."""
        if not self._is_direct or not _PLAIN_URL.fullmatch(url) or not is_same_origin(self._url, url):
            return None
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_reusable:
                    return connection
                connection.close()
        try:
            connection = self._make(url)
            with self._lock:
                self._connections.add(connection)
            with _closed_on_failure(connection), waiting_for(self._shown):
                connection.connect()
        except _FAILURES:
            return None
        return connection

    def _make(self, url: str) -> Connection:
        parts = urlsplit(url)
        if parts.scheme == "http":
            return Connection(parts.netloc, timeout=_PATIENCE)
        if self._tls is None:
            self._tls = tls_context()
        return EncryptedConnection(parts.netloc, timeout=_PATIENCE, context=self._tls)

    @contextmanager
    def _keeping(self, connection: Connection) -> Iterator[None]:
        """Keep a connection for the next request, unless the body fails or the session is closed."""
        with _closed_on_failure(connection):
            yield
        with self._lock:
            if self._is_closed:
                connection.close()
            else:
                self._idle.append(connection)


@contextmanager
def _closed_on_failure(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _own_headers(credentials: Credentials | None) -> dict[str, str]:
    headers = {"User-Agent": USER_AGENT}
    if credentials is not None:
        pair = f"{credentials.username}:{credentials.password.reveal()}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _has_proxy() -> bool:
    """Return whether the environment or, on some systems, its settings may name a proxy."""
    names = {name.lower() for name in os.environ} - {"no_proxy"}
    return sys.platform in {"win32", "darwin"} or any(name.endswith("_proxy") for name in names)
