"""Paths that only lead elsewhere, or nowhere."""

from publisher.server.http.messages import HttpError, Request, Response, redirect


async def to_simple(request: Request, _rest: str) -> Response:
    """Add the slash that the simple API's links need."""
    return redirect(request, "simple/")


async def to_legacy(request: Request, _rest: str) -> Response:
    """Add the slash, keeping method and body."""
    return redirect(request, "legacy/", 308)


async def without_icon(_request: Request, _rest: str) -> Response:
    """Refuse the icon that browsers ask for by themselves, before the request reaches pypiserver."""
    raise HttpError(404, "This index has no icon.")
