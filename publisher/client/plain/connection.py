"""A connection of the standard library's HTTP client that another thread can abort."""

import os
import select
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from publisher.client.plain.response import PlainResponse, receive

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name the certificate authorities for `requests`, the first that is set."""

_CLOSED = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""Exceptions that a write raises when the server has closed the connection."""


class Connection(HTTPConnection):
    """
    A connection that another thread can abort, even while it reads an answer that ends with the connection.

    Only `connect` opens it; a request never opens it again.
    """

    is_aborted = False
    is_spent = False
    """Whether the connection can't be reused: a request was not sent completely, or an answer is still outstanding."""
    auto_open = 0
    _socket: socket.socket | None = None

    def connect(self) -> None:
        """Open the connection; raises OSError."""
        super().connect()
        self._socket = self.sock
        self._require_not_aborted()

    def abort(self) -> None:
        """Make the thread that reads or writes fail at once."""
        self.is_aborted = True
        if self._socket is not None:
            break_off(self._socket)

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Iterable[bytes | memoryview] | None,
        patience: float,
    ) -> PlainResponse:
        """
        Send a request and return the answer; ``patience`` is the number of seconds without a byte.

        Raises OSError, http.client.HTTPException or ValueError if the answer is missing or incomplete.
        """
        self._require_not_aborted()
        if self.sock is not None:
            self.sock.settimeout(patience)
        try:
            self.request(method, urlsplit(url).path or "/", body, headers)
        except _CLOSED:  # the answer may have come before the whole body was sent
            self.is_spent = True
        response = receive(self.getresponse(), url)
        self._require_not_aborted()
        if response.status_code < HTTPStatus.OK:
            self.is_spent = True
        return response

    def _require_not_aborted(self) -> None:
        if self.is_aborted:
            raise ConnectionAbortedError("the connection was aborted")

    @property
    def is_reusable(self) -> bool:
        """Whether another request can use it: nothing failed, and the server neither closed it nor sent more."""
        if self.sock is None or self.is_aborted or self.is_spent:
            return False
        has_more = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0
        return not has_more and not _is_readable(self.sock)


class EncryptedConnection(Connection, HTTPSConnection):
    """A `Connection` over TLS."""


def break_off(sock: socket.socket) -> None:
    """
    Shut down a socket, so that a thread that reads from it or writes to it fails at once.

    `ssl.SSLSocket.shutdown` first turns encryption off, so the thread might send its next bytes in clear text.
    """
    with suppress(OSError):  # closed in the meantime
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _is_readable(sock: socket.socket) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def tls_context() -> ssl.SSLContext:
    """
    Return the settings of TLS, which refuse at least what those of `requests` refuse.

    Raises OSError without usable certificate authorities.
    """
    context = ssl.create_default_context(cafile=_certificate_authorities())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["http/1.1"])
    return context


def _certificate_authorities() -> str:
    """Return the file of certificate authorities that `requests` uses."""
    if named := next(filter(None, map(os.environ.get, _CA_VARIABLES)), None):
        return named
    from certifi import where  # noqa: PLC0415, TID251 - the only door to certifi, which only TLS needs

    return where()
