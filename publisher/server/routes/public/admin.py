"""The administration of public packages over HTTP, below ``/-/upstream/``, for admins."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.names.filenames import is_reserved, normalize
from publisher.server.store.catalog import Catalog
from publisher.server.upstream.admin import InvalidRequestError, UpstreamAdmin
from publisher.server.upstream.lock_files import PinnedPackage
from publisher.server.upstream.service import Upstream

WARM_PATIENCE = 1800.0
"""Seconds that the files of one package may take to come."""


class PublicAdminRoutes:
    """Answers ``/-/upstream/...``; without an upstream everything there is a 404."""

    def __init__(self, upstream: Upstream | None, catalog: Catalog, reserved: tuple[str, ...]) -> None:
        self._admin = UpstreamAdmin(upstream) if upstream is not None else None
        self._catalog = catalog
        self._reserved = reserved

    async def show(self, request: Request, path: str) -> Response:
        """Return the overview, or why a project or version (``why/NAME/VERSION``) is passed on or not."""
        admin = self._require()
        what, _, rest = path.partition("/")
        if what == "projects":
            return json_response(await admin.overview())
        if what == "why" and rest:
            name, _, version = rest.partition("/")
            return await self._answer(admin.why(name, version))
        raise HttpError(404, f"Nothing is at {request.path[:200]}.")

    async def change(self, request: Request, path: str) -> Response:
        """Do what the path names with the name in the body's JSON."""
        admin = self._require()
        found = await request.json_object()
        name, version, by = _text(found, "name", ""), _text(found, "version", ""), request.username or "admin"
        work: dict[str, Callable[[], Awaitable[Any]]] = {
            "allow": lambda: admin.allow(name, version, _text(found, "until"), _text(found, "reason"), by),
            "disallow": lambda: admin.disallow(name, version, by),
            "claim": lambda: admin.claim(name, by),
            "claims": lambda: admin.claims(self._private_names()),
            "refresh": lambda: admin.refresh(name),
            "remove": lambda: admin.remove(name, by),
            "warm": lambda: admin.warm(_pinned(found), _text(found, "set", "warm")),
        }
        if path not in work:
            raise HttpError(404, f"Nothing is at {request.path[:200]}.")
        async with asyncio.timeout(WARM_PATIENCE):
            return await self._answer(work[path]())

    def _require(self) -> UpstreamAdmin:
        if self._admin is None:
            raise HttpError(404, "This index has no upstream: it was started without --upstream.")
        return self._admin

    def _private_names(self) -> list[str]:
        """Return the names that may be sent upstream: those that no reserved pattern covers."""
        names = self._catalog.names()
        return sorted(name for name in names if not any(is_reserved(name, pattern) for pattern in self._reserved))

    async def _answer(self, work: Awaitable[Any]) -> Response:
        try:
            return json_response(await work)
        except InvalidRequestError as error:
            raise HttpError(422, str(error)) from error


def _pinned(found: Mapping[str, Any]) -> PinnedPackage:
    digests = found.get("digests", [])
    if not isinstance(digests, list) or not all(isinstance(digest, str) for digest in digests):
        raise HttpError(422, "The key 'digests' must be a list of SHA-256 digests.")
    return PinnedPackage(normalize(_text(found, "name")), _text(found, "version"), frozenset(digests))


def _text(found: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = found.get(key, default)
    if not isinstance(value, str) or len(value) > 1000:
        raise HttpError(422, f"The JSON object needs the key {key!r} with a text.")
    return value
