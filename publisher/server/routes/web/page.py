"""A page as a browser gets it: rendered from a template, tagged, zipped, with the headers that keep it harmless."""

import gzip
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from publisher.server.http.messages import HTML_TYPE, Headers, Request, Response
from publisher.server.http.negotiation import GZIP_ACCEPTED, is_unmodified
from publisher.server.routes.browsers import SECURITY_HEADERS
from publisher.server.web.assets import assets
from publisher.server.web.templating import render

POLICY = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    b"form-action 'self'; frame-ancestors 'none'"
)
PAGE_HEADERS: Headers = [
    (b"content-type", HTML_TYPE),
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Accept, Accept-Encoding, Authorization, Cookie"),
    (b"content-security-policy", POLICY),
    *(header for header in SECURITY_HEADERS if header[0] != b"content-security-policy"),
]
ASSETS = "-/static"
"""The path that style sheet and script are below."""

_GZIP_FROM = 1024
_LEVEL = 5


def base_values(request: Request) -> dict[str, Any]:
    """Return the values of the frame around every page."""
    root = request.root_path
    return {
        "root": root,
        "host": urlsplit(request.base_url).netloc,
        "simple_url": f"{request.base_url}simple/",
        "base_url": request.base_url,
        "username": request.username,
        "can_sign_in": False,
        "here": request.path,
        "style": f"{root}/{ASSETS}/{assets()['style.css'].name}",
        "script": f"{root}/{ASSETS}/{assets()['script.js'].name}",
        "icon": f"{root}/{ASSETS}/{assets()['icon.svg'].name}",
        "query": "",
    }


def make_body(template: str, values: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return a page's bytes and the same zipped; may take milliseconds."""
    body = render(template, values).encode("utf-8", "replace")
    return body, gzip.compress(body, compresslevel=_LEVEL, mtime=0) if len(body) >= _GZIP_FROM else b""


def page_response(request: Request, plain: bytes, zipped: bytes, status: int = 200) -> Response:
    """Return a page in the form that the request accepts, or that it has it already."""
    use_zip = bool(zipped) and GZIP_ACCEPTED[request.headers.get(b"accept-encoding", b"")]
    body = zipped if use_zip else plain
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = [*PAGE_HEADERS, (b"etag", etag.encode())]
    match = request.header(b"if-none-match")
    if status == 200 and match and is_unmodified(match, "", etag):
        return Response(304, b"", headers)
    return Response(status, body, [*headers, (b"content-encoding", b"gzip")] if use_zip else headers)
