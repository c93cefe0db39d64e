"""The administration of public packages over HTTP, below ``/-/upstream/``, for admins."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from publisher.limits import LIMITS
from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.upstream.admin import InvalidRequestError
from publisher.server.upstream.admin_requests import AdminRequests, UnknownRequestError


class PublicAdminRoutes:
    """Answers ``/-/upstream/...``; without an upstream everything there is a 404."""

    def __init__(self, requests: AdminRequests | None) -> None:
        self._requests = requests

    async def show(self, _request: Request, path: str) -> Response:
        """Return the overview, or why a project or version is passed on or not."""
        return await self._answer(self._require().show(path))

    async def change(self, request: Request, path: str) -> Response:
        """Do what the path names, with the values in the body's JSON."""
        requests = self._require()
        return await self._answer(requests.change(path, await request.json_object(), request.username or "admin"))

    def _require(self) -> AdminRequests:
        if self._requests is None:
            raise HttpError(404, "This index has no upstream: it was started without --upstream.")
        return self._requests

    async def _answer(self, work: Awaitable[Any]) -> Response:
        try:
            async with asyncio.timeout(LIMITS.upstream.admin_patience):
                return json_response(await work)
        except InvalidRequestError as error:
            raise HttpError(422, str(error)) from error
        except UnknownRequestError:
            raise HttpError(404, "There is no such request about public packages.") from None
