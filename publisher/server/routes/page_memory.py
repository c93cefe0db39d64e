"""Pages of the simple API as they are sent: negotiated, tagged, zipped once, and kept in memory."""

import gzip
import hashlib
from typing import NamedTuple

from publisher.server.http.messages import Headers, Request, Response
from publisher.server.http.negotiation import GZIP_ACCEPTED, best_type, is_unmodified
from publisher.server.http.remembering import ByHeader
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


def _negotiate(accept: str) -> str:
    return _OFFERS[best_type(accept, tuple(_OFFERS)) or TEXT_HTML]


PAGE_TYPES = ByHeader(_negotiate, 512)
"""
The content types that ``Accept`` headers prefer among those of the simple API, as PyPI negotiates.

The first of equals is ``text/html``; a header that accepts none of them gets that too.
"""


class Page(NamedTuple):
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
        if b"if-none-match" in request.headers:
            match = request.header(b"if-none-match")
            if match and any(is_unmodified(match, "", etag) for etag in self.etags):
                return self.unmodified
        if self.zipped is not self.plain and GZIP_ACCEPTED[request.headers.get(b"accept-encoding", b"")]:
            return self.zipped
        return self.plain


def make_page(body: bytes, kind: str, revision: int) -> Page:
    """Return a page with its tags, and its zipped form."""
    plain_tag, zipped_tag = _etags(hashlib.sha256(body).hexdigest()[:32])
    plain = zipped = _form(body, kind, plain_tag)
    if len(body) >= _GZIP_FROM:
        zipped = _form(gzip.compress(body, compresslevel=5, mtime=0), kind, zipped_tag, is_zipped=True)
    return Page(revision, (plain_tag, zipped_tag), plain, zipped, _unmodified(plain_tag))


def make_page_in_one_form(body: bytes, kind: str, revision: int, tag: str, *, is_zipped: bool) -> Page:
    """Return a page for readers who take it in this form; ``tag`` is that of the plain body."""
    tags = _etags(tag)
    form = _form(body, kind, tags[is_zipped], is_zipped=is_zipped)
    return Page(revision, tags, form, form, _unmodified(tags[0]))


def _etags(tag: str) -> tuple[str, str]:
    return f'"{tag}"', f'"{tag}-gzip"'


def _form(body: bytes, kind: str, etag: str, *, is_zipped: bool = False) -> Response:
    content_type = kind if kind == JSON else f"{kind}; charset=utf-8"
    headers = [(b"content-type", content_type.encode()), (b"etag", etag.encode()), *_PAGE_HEADERS]
    if is_zipped:
        headers.append((b"content-encoding", b"gzip"))
    return Response(200, body, headers)


def _unmodified(etag: str) -> Response:
    return Response(304, b"", [(b"etag", etag.encode()), *_PAGE_HEADERS])
