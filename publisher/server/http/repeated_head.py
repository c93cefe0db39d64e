"""Requests of one connection that differ only in the path: installers send the same headers each time."""

import re
from dataclasses import dataclass

from publisher.server.http.messages import Request

_BLANK_LINE = b"\r\n\r\n"
_VERSION = b" HTTP/1.1\r\n"
_START = re.compile(rb"GET (/[A-Za-z0-9._~+/-]*)")
"""The start of a request line with a path that needs no decoding, and without a query (RFC 9112, 3)."""


@dataclass(frozen=True, slots=True)
class RepeatedHead:
    """The head of a GET request after its path, as bytes, and the request that was parsed from it."""

    rest: bytes
    request: Request

    def again(self, data: bytes) -> Request | None:
        """Return the request, with its new path, if ``data`` is one more with the same headers, and nothing else."""
        if not data.endswith(self.rest):
            return None
        start = _START.fullmatch(data, 0, len(data) - len(self.rest))
        if start is None:
            return None
        self.request.repeat(start[1].decode("ascii"))
        return self.request


def repeated_head(data: bytes, request: Request) -> RepeatedHead | None:
    """Return what a request is recognized by that was parsed from all of ``data``; None for unusual ones."""
    start = _START.match(data)
    if start is None or not data.startswith(_VERSION, start.end()):
        return None
    if not data.endswith(_BLANK_LINE) or data.count(_BLANK_LINE) > 1:
        return None
    return RepeatedHead(data[start.end() :], request)
