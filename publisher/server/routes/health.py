"""The health of the index, as load balancers and people ask for it."""

from typing import Any

from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.http.forwarding import UNTRUSTED
from publisher.server.http.messages import TEXT_TYPE, Request, Response, json_response
from publisher.server.storage.durability import is_read_only
from publisher.server.store.catalog import Catalog
from publisher.server.upstream.service import Upstream


class HealthRoute:
    """Answers ``/health``: reading, accounts and uploading, each on its own."""

    def __init__(
        self, catalog: Catalog, authenticator: Authenticator, upstream: Upstream | None, revision: str = ""
    ) -> None:
        self._catalog = catalog
        self._authenticator = authenticator
        self._upstream = upstream
        self._revision = revision

    async def answer(self, request: Request, _rest: str = "") -> Response:
        """
        Report whether the index can do its work, as JSON or, where the client asks for it, as text.

        A folder that is read-only is healthy: its uploads are refused, and nothing else is wrong. So is an index whose
        upstream fails, which is reported: what is cached is served. A proxy that is not trusted is reported to
        those who come through it.
        """
        reading = await self._catalog.read_failure()
        accounts = await self._accounts()
        uploading, reason = "ok", None
        if reading is None:
            failure = await self._catalog.write_failure()
            if failure is not None and is_read_only(failure):
                uploading = "read-only"
            elif failure is not None:
                uploading = reason = f"the package folder can't be written: {failure.strerror or failure}"
        else:
            uploading = reading
        trouble = reading or accounts or reason
        status = 200 if trouble is None else 503
        if request.header(b"accept").startswith("text/plain"):
            return Response(
                status, (trouble or "OK").encode(), [(b"content-type", TEXT_TYPE), (b"cache-control", b"no-store")]
            )
        found: dict[str, Any] = {"status": "ok" if trouble is None else "unavailable"}
        if trouble is not None:
            found["reason"] = trouble
        if self._revision:
            found["revision"] = self._revision
        if request.scope.get(UNTRUSTED):
            found["proxy"] = "not trusted"
        if self._upstream is not None:
            found["upstream"] = self._upstream.state()
        return json_response(
            {**found, "reading": reading or "ok", "accounts": accounts or "ok", "uploading": uploading}, status
        )

    async def _accounts(self) -> str | None:
        try:
            await self._authenticator.require_accounts()
        except AccountsUnavailableError:
            return "the accounts can't be read"
        return None
