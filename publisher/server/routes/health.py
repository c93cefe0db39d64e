"""The health of the index, as load balancers and people ask for it."""

from publisher.server.http.messages import Request, Response, json_response
from publisher.server.store.catalog import Catalog


class HealthRoute:
    """Answers ``/health``."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def answer(self, _request: Request, _rest: str = "") -> Response:
        """Report whether the index can do its work: read the package folder, and write to it."""
        reason = await self._catalog.failure()
        if reason is not None:
            return json_response({"status": "unavailable", "reason": reason}, 503)
        return json_response({"status": "ok"})
