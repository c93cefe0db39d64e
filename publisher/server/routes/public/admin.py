"""The administration of public packages over HTTP, below ``/-/upstream/``, for admins."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from publisher.limits import LIMITS
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.principal import Principal
from publisher.server.http.json_body import JsonBody, JsonKey, JsonKind
from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.routes.authorization import principal_of
from publisher.server.upstream.admin import InvalidRequestError
from publisher.server.upstream.admin_requests import AdminRequests, UnknownRequestError

PUBLIC_CHANGE = JsonBody(
    {
        **dict.fromkeys(("name", "version", "until", "reason", "set"), JsonKey(JsonKind.TEXT)),
        "digests": JsonKey(JsonKind.TEXTS),
    }
)
"""The keys of all commands; each checks that it has its own."""

_AUDITED = {"allow", "disallow", "claim", "remove"}
"""Commands that change the answers for others."""

_DETAILS = {"version", "until", "reason", "hides"}


class PublicAdminRoutes:
    """Answers ``/-/upstream/...``; without an upstream everything there is a 404."""

    def __init__(self, requests: AdminRequests | None, audit: AuditTrail) -> None:
        self._requests = requests
        self._audit = audit

    async def show(self, _request: Request, path: str) -> Response:
        """Return the overview, or why a project or version is passed on or not."""
        return await self._answer(self._require().show(path))

    async def change(self, request: Request, path: str) -> Response:
        """Run the command that the path names, with the values in the body's JSON."""
        requests, values, who = self._require(), request.json, principal_of(request)

        async def work() -> Any:
            done = await requests.change(path, values, who.name)
            event = event_of(path, {**values, **done}, who, request.client)
            if event is not None:
                await self._audit.record(event)
            return done

        return await self._answer(work())

    def _require(self) -> AdminRequests:
        if self._requests is None:
            raise HttpError(404, "This index has no upstream: it was started without --upstream.")
        return self._requests

    async def _answer(self, work: Awaitable[Any]) -> Response:
        try:
            async with asyncio.timeout(LIMITS.upstream.admin_patience) as limit:
                return json_response(await work)
        except TimeoutError:
            if not limit.expired():
                raise
            minutes = LIMITS.upstream.admin_patience / 60
            raise HttpError(503, f"Not finished within {minutes:.0f} minutes: send the request again.") from None
        except InvalidRequestError as error:
            raise HttpError(422, str(error)) from error
        except UnknownRequestError:
            raise HttpError(404, "Unknown request about public packages.") from None


def event_of(path: str, done: Mapping[str, Any], who: Principal, address: str = "") -> AuditEvent | None:
    """Return the event of a finished request with its values; None for one that changes no answer."""
    if path not in _AUDITED:
        return None
    details = {key: value for key, value in done.items() if key in _DETAILS}
    return AuditEvent(f"upstream-{path}", who, address, str(done["name"]), details)
