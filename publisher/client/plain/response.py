"""An answer of the standard library's HTTP client, with the attributes of `IndexResponse`."""

import json
import zlib
from http import HTTPStatus
from http.client import HTTPMessage, HTTPResponse
from typing import Any, NamedTuple

from publisher.client.response import WORTH_ANOTHER_TRY

_ASKS_AGAIN = WORTH_ANOTHER_TRY | {HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
"""Statuses of a read after which `requests` asks again, or asks the proxy."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PLAIN = {"", "identity"}
_GZIP = {"gzip", "x-gzip"}
_GUNZIP = 16 + zlib.MAX_WBITS


class PlainResponse(NamedTuple):
    """An answer, whose text is UTF-8 unless its Content-Type names another encoding."""

    status_code: int
    reason: str
    url: str
    headers: HTTPMessage
    content: bytes
    is_decoded: bool
    """Whether the Content-Encoding (RFC 9110, 8.4) was removed from the content."""

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < HTTPStatus.BAD_REQUEST

    @property
    def is_redirect(self) -> bool:
        """Whether the answer names another URL to ask."""
        return self.status_code in _REDIRECTS and "Location" in self.headers

    @property
    def text(self) -> str:
        """The body as text."""
        try:
            return self.content.decode(self._charset or "utf-8", "replace")
        except (LookupError, ValueError):  # an encoding that Python does not have
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the JSON of the body; raises ValueError when it is something else."""
        try:
            return json.loads(self.content)
        except UnicodeDecodeError:
            return json.loads(self.text)

    @property
    def is_conclusive(self) -> bool:
        """Whether `requests` would accept it as the last answer, and read the same from it."""
        if self.status_code in _ASKS_AGAIN | _REDIRECTS or self.status_code < HTTPStatus.OK:
            return False
        return self.is_decoded and (not self.ok or self._has_clear_encoding)

    @property
    def _has_clear_encoding(self) -> bool:
        """Whether the encoding is certain: if none is named, `requests` uses Latin-1 or guesses."""
        if self._charset == "utf-8" or (self._charset is None and "json" in self.headers.get("Content-Type", "")):
            return _is_utf8(self.content)
        return self._charset is None and self.content.isascii()

    @property
    def _charset(self) -> str | None:
        try:
            return self.headers.get_content_charset()
        except ValueError:  # a name with invalid characters
            return ""


def receive(received: HTTPResponse, url: str) -> PlainResponse:
    """Read the body of an answer; raises OSError or http.client.HTTPException if the connection fails."""
    content = received.read()
    decoded = _decoded(content, ", ".join(received.headers.get_all("Content-Encoding", [])).strip().lower())
    shown = content if decoded is None else decoded
    return PlainResponse(received.status, received.reason, url, received.headers, shown, decoded is not None)


def _decoded(content: bytes, coding: str) -> bytes | None:
    """Return a decompressed body; None if the encoding is unknown or the body is incomplete."""
    if not content or coding in _PLAIN:
        return content
    if coding not in _GZIP:
        return None
    unzipping = zlib.decompressobj(_GUNZIP)
    try:
        found = unzipping.decompress(content)
    except zlib.error:
        return None
    return found if unzipping.eof and not unzipping.unused_data else None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
