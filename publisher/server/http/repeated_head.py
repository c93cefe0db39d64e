"""Recognizing a request with the same headers as the previous one on its connection, as installers send them."""

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property

from publisher.server.http.messages import Request

_BLANK_LINE = b"\r\n\r\n"
_VERSION = b" HTTP/1.1\r\n"
_START = re.compile(rb"GET (/[A-Za-z0-9._~+/-]*)")
"""The start of a request line whose path has no query and needs no decoding (RFC 9112, 3)."""

_FORWARDED = re.compile(rb"\nx-forwarded-", re.IGNORECASE)
_hash = hashlib.blake2b(key=os.urandom(32), digest_size=32)


@dataclass(frozen=True)
class RepeatedHead:
    """A GET request, and the bytes of its head after the path."""

    rest: bytes
    request: Request

    @cached_property
    def _digest(self) -> bytes:
        """A digest of the headers; random if they include a proxy's headers, whose meaning depends on the peer."""
        if _FORWARDED.search(self.rest):
            return os.urandom(32)
        hashed = _hash.copy()
        hashed.update(self.rest)
        return hashed.digest()

    def key(self, data: bytes) -> tuple[bytes, bytes] | None:
        """
        Return a key that includes everything the answer depends on; None if ``data`` has other headers.

        Equal requests on different connections have equal keys, unless they have a proxy's headers.
        """
        return (self._digest, data[: -len(self.rest)]) if data.endswith(self.rest) else None

    def again(self, data: bytes) -> Request | None:
        """Return the request with its new path if ``data`` is one request with the same headers, else None."""
        if not data.endswith(self.rest):
            return None
        start = _START.fullmatch(data, 0, len(data) - len(self.rest))
        if start is None:
            return None
        self.request.repeat(start[1].decode("ascii"))
        return self.request


def repeated_head(data: bytes, request: Request) -> RepeatedHead | None:
    """Return the head of a request that was parsed from exactly ``data``; None if it has an unusual form."""
    start = _START.match(data)
    if start is None or not data.startswith(_VERSION, start.end()):
        return None
    if not data.endswith(_BLANK_LINE) or data.count(_BLANK_LINE) > 1:
        return None
    return RepeatedHead(data[start.end() :], request)
