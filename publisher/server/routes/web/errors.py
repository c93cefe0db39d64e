"""Errors as pages, for browsers; programs get text or JSON."""

import asyncio
from http import HTTPStatus

from publisher.server.http.messages import HttpError, Request, Response
from publisher.server.routes.web.page import base_values, make_body, page_response

_PHRASES = {
    401: "Sign in to see this page",
    403: "Not allowed",
    404: "Not found",
    500: "Something went wrong here",
    503: "Not available just now",
}


async def error_page(request: Request, error: HttpError) -> Response:
    """Return an error as a page, with the headers that it needs."""
    phrase = _PHRASES.get(error.status) or HTTPStatus(error.status).phrase
    values = {**base_values(request), "status": error.status, "phrase": phrase, "message": error.message}
    made = await asyncio.to_thread(make_body, "error.html", values)
    response = page_response(request, *made, error.status)
    kept = [header for header in response.headers if header[0] not in {b"cache-control", b"etag"}]
    return Response(error.status, response.body, [*kept, (b"cache-control", b"no-store"), *error.headers])
