"""Forms as requests to the index's own API, with the same rights, answers and audit trail as for programs."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from publisher.server.http.messages import Message, Request, Response

Answer = Callable[[Request], Awaitable[Any]]


class ApiCalls:
    """Sends requests as a session's principal; only for forms whose token was verified, and for reading."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def get(self, request: Request, path: str) -> Mapping[str, Any] | None:
        """Return the API's answer, None where this index has no such API."""
        return await self._call(request, "GET", path, None)

    async def post(self, request: Request, path: str, found: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Have something made; raise HttpError or an AuthError where it is refused."""
        return await self._call(request, "POST", path, found)

    async def put(self, request: Request, path: str, found: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Have something set, as `post`."""
        return await self._call(request, "PUT", path, found)

    async def delete(self, request: Request, path: str) -> Mapping[str, Any] | None:
        """Have something removed, as `post`."""
        return await self._call(request, "DELETE", path, None)

    async def _call(
        self, request: Request, method: str, path: str, found: Mapping[str, Any] | None
    ) -> Mapping[str, Any] | None:
        body = json.dumps(found).encode() if found is not None else b""
        kept = {b"host", b"origin", b"sec-fetch-site"}
        headers = [header for header in request.scope["headers"] if header[0] in kept]
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        scope = {
            **request.scope,
            "method": method,
            "path": f"/{unquote(path)}",
            "query_string": b"",
            "headers": headers,
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        answer = await self._answer(Request(scope, receive))
        if not isinstance(answer, Response) or not answer.body:
            return None
        payload = json.loads(answer.body)
        return payload if isinstance(payload, dict) else None
