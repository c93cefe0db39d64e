"""Browsers: pages are not framed and run no scripts, and foreign pages change nothing with a person's password."""

from typing import Any

from publisher.server.http.messages import Headers, HttpError, Request
from publisher.server.http.negotiation import best_type

POLICY = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

SECURITY_HEADERS: Headers = [
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_READING = {"GET", "HEAD", "OPTIONS"}
_OFFERS = ("text/plain", "application/json", "text/html")


def is_browser(request: Request) -> bool:
    """
    Return whether a person's browser opens a page.

    Installers ask for ``text/html`` too, some for nothing else; browsers name XHTML beside it.
    """
    accepted = request.header(b"accept")
    return "application/xhtml+xml" in accepted and best_type(accepted, _OFFERS) == "text/html"


def require_own_page(request: Request) -> None:
    """
    Return when a change comes from a program, or from a page of the index itself; raise HttpError 403 otherwise.

    A browser sends the Basic credentials that it keeps with forms of any page. It also says where the page is from:
    ``Sec-Fetch-Site``, or ``Origin`` where it is an old one. Programs send neither.
    """
    if request.method in _READING:
        return
    site = request.header(b"sec-fetch-site").lower()
    origin = request.header(b"origin")
    if site:
        foreign = site not in {"same-origin", "none"}
    else:
        foreign = bool(origin) and origin.partition("://")[2].lower() != request.header(b"host").lower()
    if foreign:
        raise HttpError(403, "Changes are not accepted from the pages of another site.")


def secured(message: Any) -> Any:
    """Return the start of a response with the headers that protect people who open it in a browser."""
    given = {name.lower() for name, _ in message.get("headers", ())}
    missing = [header for header in SECURITY_HEADERS if header[0] not in given]
    return {**message, "headers": [*message.get("headers", ()), *missing]}
