"""Pages of the simple API as they are sent: negotiated, tagged, zipped once, and kept in memory."""

import gzip
import hashlib
from dataclasses import dataclass

from publisher.server.http.messages import Headers, Request, Response
from publisher.server.http.negotiation import accepts_gzip, best_type, is_unmodified
from publisher.server.http.remembering import remembered
from publisher.server.routes.browsers import SECURITY_HEADERS

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
    *SECURITY_HEADERS,
]


@remembered(512)
def negotiate(accept: str) -> str:
    """
    Return the content type that an ``Accept`` header prefers among those of the simple API, as PyPI negotiates.

    The first of equals is ``text/html``; a header that accepts none of them gets that too.
    """
    return _OFFERS[best_type(accept, tuple(_OFFERS)) or TEXT_HTML]


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent, and its origin; ``plain`` and ``zipped`` are complete answers."""

    revision: int
    etags: tuple[str, str]
    plain: Response
    zipped: Response
    unmodified: Response

    @property
    def size(self) -> int:
        """The bytes that the page takes in memory."""
        return len(self.plain.body) + (0 if self.zipped is self.plain else len(self.zipped.body))

    def answer(self, request: Request) -> Response:
        """Return the form that the request accepts, or that it has it already."""
        match = request.header(b"if-none-match")
        if match and any(is_unmodified(match, "", etag) for etag in self.etags):
            return self.unmodified
        if self.zipped is not self.plain and accepts_gzip(request.header(b"accept-encoding")):
            return self.zipped
        return self.plain


def make_page(body: bytes, kind: str, revision: int, zipped_body: bytes = b"") -> Page:
    """Return a page with its tags and its zipped form, which may be given."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode()
    content_type = (kind if kind == JSON else f"{kind}; charset=utf-8").encode()
    headers = [(b"content-type", content_type), (b"etag", etag), *_PAGE_HEADERS]
    plain = Response(200, body, headers)
    zipped = plain
    zipped_etag = etag[:-1] + b'-gzip"'
    if len(body) >= _GZIP_FROM:
        compressed = zipped_body or gzip.compress(body, compresslevel=5, mtime=0)
        zipped_headers = [(b"content-type", content_type), (b"etag", zipped_etag), *_PAGE_HEADERS]
        zipped = Response(200, compressed, [*zipped_headers, (b"content-encoding", b"gzip")])
    etags = etag.decode(), zipped_etag.decode()
    return Page(revision, etags, plain, zipped, Response(304, b"", [(b"etag", etag), *_PAGE_HEADERS]))
