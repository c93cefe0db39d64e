"""Pages of the simple API as they are sent: negotiated, tagged, zipped once, and kept in memory."""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from publisher.server.http.messages import Headers, Request, Response

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
TEXT_HTML = "text/html"

_OFFERS = {
    TEXT_HTML: TEXT_HTML,
    HTML: HTML,
    JSON: JSON,
    "application/vnd.pypi.simple.latest+json": JSON,
    "application/vnd.pypi.simple.latest+html": HTML,
}
_GZIP_FROM = 1024
_PAGE_HEADERS: Headers = [
    (b"cache-control", b"private, max-age=0, must-revalidate"),
    (b"vary", b"Accept, Accept-Encoding"),
    (b"x-content-type-options", b"nosniff"),
]


@lru_cache(maxsize=256)
def negotiate(accept: str) -> str:
    """
    Return the content type that an ``Accept`` header prefers among those of the simple API, as PyPI negotiates.

    The first of equals is ``text/html``; a header that accepts none of them gets that too.
    """
    ranges: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((text[2:] for text in parameters if text.lower().startswith("q=")), "1")
        try:
            ranges[name.lower()] = float(quality)
        except ValueError:
            continue

    def quality_of(offer: str) -> float:
        kind = offer.partition("/")[0]
        return next((ranges[name] for name in (offer, f"{kind}/*", "*/*") if name in ranges), 0.0)

    best = max(_OFFERS, key=quality_of)  # the first of the best
    return _OFFERS[best] if accept and quality_of(best) > 0 else TEXT_HTML


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: bytes) -> bool:
    """Tell whether a client takes a page zipped; ``gzip;q=0`` says that it does not."""
    for part in accept_encoding.lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        if name == b"gzip":
            return not any(re.fullmatch(rb"q=0(\.0*)?", text) for text in parameters)
    return False


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent, and what it was made from; ``plain`` and ``zipped`` are complete answers."""

    revision: int
    etag: bytes
    plain: Response
    zipped: Response
    unmodified: Response

    @property
    def size(self) -> int:
        """The bytes that the page takes in memory."""
        return len(self.plain.body) + (0 if self.zipped is self.plain else len(self.zipped.body))

    def answer(self, request: Request) -> Response:
        """Return the form that the request accepts, or that it has it already."""
        match = request.headers.get(b"if-none-match")
        if match is not None and (self.etag in match or match == b"*"):
            return self.unmodified
        if self.zipped is not self.plain and accepts_gzip(request.headers.get(b"accept-encoding", b"")):
            return self.zipped
        return self.plain


def make_page(body: bytes, kind: str, revision: int) -> Page:
    """Return a page with its tags and its zipped form."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()
    content_type = (kind if kind == JSON else f"{kind}; charset=utf-8").encode()
    headers = [(b"content-type", content_type), (b"etag", etag), *_PAGE_HEADERS]
    plain = Response(200, body, headers)
    zipped = plain
    if len(body) >= _GZIP_FROM:
        compressed = gzip.compress(body, compresslevel=5, mtime=0)
        zipped_etag = etag[:-1] + b'-gzip"'
        zipped_headers = [(b"content-type", content_type), (b"etag", zipped_etag), *_PAGE_HEADERS]
        zipped = Response(200, compressed, [*zipped_headers, (b"content-encoding", b"gzip")])
    return Page(revision, etag[:-1], plain, zipped, Response(304, b"", [(b"etag", etag), *_PAGE_HEADERS]))
