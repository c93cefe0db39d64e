"""Administration of the storage: an admin confirms that packages are lost."""

import logging

from publisher.server.http.json_body import JsonBody
from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.routes.trust.oversight import Oversight
from publisher.server.store.interface import PackageCatalog

CONFIRMATION = JsonBody({}, optional=True)

_log = logging.getLogger(__name__)


class StorageRoutes:
    """Answers ``/-/storage/...``."""

    def __init__(self, catalog: PackageCatalog, oversight: Oversight) -> None:
        self._catalog = catalog
        self._oversight = oversight

    async def confirm_loss(self, request: Request, _rest: str = "") -> Response:
        """Accept the package storage as it is, and keep every name that was ever owned."""
        found = await self._catalog.confirm_loss()
        if found is None:
            raise HttpError(409, "This index keeps no list of owned names; start it with an accounts file or --state.")
        if found.lost:
            _log.warning("a loss of packages was confirmed; %d names stay owned", found.names)
            await self._oversight.record(request, "loss-confirmed", names=found.names)
        return json_response({"status": "confirmed" if found.lost else "nothing-lost", "names": found.names})
