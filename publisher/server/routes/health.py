"""The health of the index, as load balancers and people ask for it."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.http.forwarding import UNTRUSTED
from publisher.server.http.messages import TEXT_TYPE, Request, Response, json_response
from publisher.server.storage.durability import is_read_only
from publisher.server.store.interface import PackageCatalog
from publisher.server.upstream.service import Upstream

UNAVAILABLE = "unavailable"
"""The state of a part that fails; the reason is for those who have an account, and for the log."""

_STATES = {"ok", "read-only"}
_log = logging.getLogger(__name__)


class HealthRoute:
    """
    Answers ``/health``: reading, accounts and uploading, each on its own.

    ``is_known`` returns whether a request comes from an account: others get states, and no reasons, paths or URLs.
    """

    def __init__(
        self,
        catalog: PackageCatalog,
        authenticator: Authenticator,
        upstream: Upstream | None,
        revision: str,
        is_known: Callable[[Request], Awaitable[bool]],
    ) -> None:
        self._catalog = catalog
        self._authenticator = authenticator
        self._upstream = upstream
        self._revision = revision
        self._is_known = is_known
        self._logged: str | None = None

    async def answer(self, request: Request, _rest: str = "") -> Response:
        """
        Report whether the index can do its work, as JSON or, where the client asks for it, as text.

        A folder that is read-only is healthy: its uploads are refused, and nothing else is wrong. So is an index whose
        upstream fails, which is reported, because cached files are served. A proxy that is not trusted is reported to
        those who come through it.
        """
        parts = await self._parts()
        trouble = next((state for state in parts.values() if state not in _STATES), None)
        self._log_once(trouble)
        known = await self._is_known(request)
        status = 200 if trouble is None else 503
        if request.header(b"accept").startswith("text/plain"):
            text = "OK" if trouble is None else trouble if known else UNAVAILABLE
            return Response(status, text.encode(), [(b"content-type", TEXT_TYPE), (b"cache-control", b"no-store")])
        found: dict[str, Any] = {"status": "ok" if trouble is None else UNAVAILABLE}
        if trouble is not None and known:
            found["reason"] = trouble
        if self._revision:
            found["revision"] = self._revision
        if request.scope.get(UNTRUSTED):
            found["proxy"] = "not trusted"
        if self._upstream is not None:
            states = self._upstream.state()
            found["upstream"] = states if known else [{"status": each["status"]} for each in states]
        shown = {name: state if known or state in _STATES else UNAVAILABLE for name, state in parts.items()}
        return json_response({**found, **shown}, status)

    async def _parts(self) -> dict[str, str]:
        """Return the state of each part: one that is well, or why it is not."""
        reading = await self._catalog.read_failure()
        uploading = reading or "ok"
        if reading is None:
            failure = await self._catalog.write_failure()
            if failure is not None and is_read_only(failure):
                uploading = "read-only"
            elif failure is not None:
                uploading = f"the package folder can't be written: {failure.strerror or failure}"
        return {"reading": reading or "ok", "accounts": await self._accounts(), "uploading": uploading}

    async def _accounts(self) -> str:
        try:
            await self._authenticator.require_accounts()
        except AccountsUnavailableError:
            return "the accounts can't be read"
        return "ok"

    def _log_once(self, trouble: str | None) -> None:
        if trouble != self._logged:
            self._logged = trouble
            if trouble is None:
                _log.info("the index is healthy again")
            else:
                _log.warning("the index is not healthy: %s", trouble)
