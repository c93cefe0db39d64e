"""Requests of an admin by name, as they come over HTTP or from a command on the index's own machine."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from publisher.limits import LIMITS
from publisher.server.names.filenames import is_reserved, normalize
from publisher.server.upstream.admin import InvalidRequestError, UpstreamAdmin
from publisher.server.upstream.lock_files import PinnedPackage


class UnknownRequestError(Exception):
    """There is no such request."""


class AdminRequests:
    """Answers requests by `UpstreamAdmin`; ``private_names`` lists the names of this index."""

    def __init__(
        self, admin: UpstreamAdmin, private_names: Callable[[], Awaitable[list[str]]], reserved: tuple[str, ...]
    ) -> None:
        self._admin = admin
        self._private_names = private_names
        self._reserved = reserved

    async def show(self, path: str) -> Any:
        """Answer ``projects`` or ``why/NAME[/VERSION]``; raises UnknownRequestError and InvalidRequestError."""
        what, _, rest = path.partition("/")
        if what == "projects":
            return await self._admin.overview()
        if what == "why" and rest:
            name, _, version = rest.partition("/")
            return await self._admin.why(name, version)
        raise UnknownRequestError

    async def change(self, path: str, found: Mapping[str, Any], by: str) -> Any:
        """Run the command that the path names; raises UnknownRequestError, InvalidRequestError and UpstreamError."""
        admin = self._admin
        name, version = _text(found, "name", ""), _text(found, "version", "")
        work: dict[str, Callable[[], Awaitable[Any]]] = {
            "allow": lambda: admin.allow(name, version, _text(found, "until"), _text(found, "reason"), by),
            "disallow": lambda: admin.disallow(name, version, by),
            "claim": lambda: admin.claim(name, by),
            "claims": self._claims,
            "refresh": lambda: admin.refresh(name),
            "remove": lambda: admin.remove(name, by),
            "warm": lambda: admin.warm(_pinned(found), _text(found, "set", "warm")),
        }
        if path not in work:
            raise UnknownRequestError
        return await work[path]()

    async def _claims(self) -> Any:
        """Ask for the names that may be sent upstream: those that no reserved pattern covers."""
        names = await self._private_names()
        asked = sorted(name for name in names if not any(is_reserved(name, pattern) for pattern in self._reserved))
        return await self._admin.claims(asked)


def _pinned(found: Mapping[str, Any]) -> PinnedPackage:
    digests = found.get("digests", [])
    if not isinstance(digests, list) or not all(isinstance(digest, str) for digest in digests):
        raise InvalidRequestError("The key 'digests' must be a list of SHA-256 digests.")
    return PinnedPackage(normalize(_text(found, "name")), _text(found, "version"), frozenset(digests))


def _text(found: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = found.get(key, default)
    if not isinstance(value, str) or len(value) > LIMITS.upstream.admin_text:
        raise InvalidRequestError(f"The JSON object needs the key {key!r} with a string.")
    return value
