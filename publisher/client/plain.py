"""
A GET with the standard library alone, for a run that sends no other request: importing `requests` takes longer.

It is for cases in which `requests` would do the same; in all others, the caller asks again with `requests`.
"""

import base64
import json
import os
import re
import socket
import ssl
import sys
import zlib
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from publisher import __version__
from publisher.secret import Credentials
from publisher.waiting import waiting_for

USER_AGENT = f"pypi-publish/{__version__}"

_PATIENCE = 10.0
"""Seconds to connect, and seconds without a byte: after that, `requests` asks again, and waits longer."""

_WHOLE_READ = 30.0
"""Seconds for the whole answer."""

_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9_~+@-][A-Za-z0-9._~+@-]*)*/?", re.ASCII)
"""URLs that every client sends as they are; others are quoted or normalized first."""

_CONCLUSIVE = frozenset({HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND})
"""Statuses after which `requests` would neither ask again nor go elsewhere."""

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name the certificate authorities for `requests`, the first that is set."""

_GUNZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class PlainResponse:
    """An answer in UTF-8 or JSON that is neither a redirect nor a failure of the server."""

    status_code: int
    reason: str
    url: str
    headers: HTTPMessage
    content: bytes
    is_redirect: bool = False

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < HTTPStatus.BAD_REQUEST

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the JSON of the body; raises ValueError when it is something else."""
        return json.loads(self.content)


class _Connection(HTTPConnection):
    """A connection that another thread can break while an answer is read, also one that ends with the connection."""

    is_aborted = False
    _socket: socket.socket | None = None

    def connect(self) -> None:
        super().connect()
        self._socket = self.sock

    def abort(self) -> None:
        """Have the thread that reads fail at once, or see an end; then ``is_aborted`` is set."""
        self.is_aborted = True
        if self._socket is not None:
            with suppress(OSError):  # closed in the meantime
                self._socket.shutdown(socket.SHUT_RDWR)


class _EncryptedConnection(_Connection, HTTPSConnection):
    """The same over TLS."""


def get_plainly(
    url: str, headers: Mapping[str, str], credentials: Credentials | None, shown: str
) -> PlainResponse | None:
    """
    Return the answer to a GET; None where `requests` has to ask.

    That is where the environment names a proxy, where the URL is not a plain one, and where no conclusive answer comes,
    for example because a certificate is not trusted.
    ``shown`` names the server while it is waited for.
    """
    if not _PLAIN_URL.fullmatch(url) or _has_proxy():
        return None
    parts = urlsplit(url)
    try:
        connection = _open(parts.scheme, parts.netloc)
        with closing(connection), waiting_for(shown, limit=_WHOLE_READ, give_up=connection.abort):
            connection.request("GET", parts.path or "/", headers={**_own_headers(credentials), **headers})
            received = connection.getresponse()
            content = received.read()
        if received.headers.get("Content-Encoding", "").strip().lower() == "gzip":
            content = _unzip(content)
    except (OSError, HTTPException, ValueError, zlib.error):
        return None
    if connection.is_aborted or not _is_conclusive(received.status, received.headers):
        return None
    return PlainResponse(received.status, received.reason, url, received.headers, content)


def _open(scheme: str, host: str) -> _Connection:
    """Return a connection that is not made yet; raises OSError without usable certificate authorities."""
    if scheme == "http":
        return _Connection(host, timeout=_PATIENCE)
    return _EncryptedConnection(host, timeout=_PATIENCE, context=_tls())


def _tls() -> ssl.SSLContext:
    """Return the settings of TLS, which refuse at least what those of `requests` refuse."""
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


def _own_headers(credentials: Credentials | None) -> dict[str, str]:
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
    if credentials is not None:
        pair = f"{credentials.username}:{credentials.password.reveal()}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _has_proxy() -> bool:
    """Return whether the environment or, on some systems, its settings may name a proxy."""
    names = {name.lower() for name in os.environ} - {"no_proxy"}
    return sys.platform in {"win32", "darwin"} or any(name.endswith("_proxy") for name in names)


def _unzip(content: bytes) -> bytes:
    """Return a body without its compression; raises zlib.error or ValueError unless it is one whole gzip file."""
    unzipping = zlib.decompressobj(_GUNZIP)
    found = unzipping.decompress(content)
    if not unzipping.eof or unzipping.unused_data:
        raise ValueError("not one whole gzip file")
    return found


def _is_conclusive(status: int, headers: HTTPMessage) -> bool:
    """Return whether an answer means the same to `requests`, which guesses the encoding of texts that name none."""
    kind = headers.get("Content-Type", "").lower()
    is_readable = "json" in kind or headers.get_content_charset() == "utf-8"
    has_known_coding = headers.get("Content-Encoding", "").strip().lower() in {"", "identity", "gzip"}
    return status in _CONCLUSIVE and has_known_coding and (is_readable or status != HTTPStatus.OK)
