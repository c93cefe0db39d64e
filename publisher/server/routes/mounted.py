"""The routes that pypiserver answers: it is imported and mounted at the first request for one."""

from typing import Any

from publisher.server.http.messages import MountedApp, Request
from publisher.server.settings import ServerSettings
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges


class PypiserverRoutes:
    """Everything that no other route answers."""

    def __init__(self, settings: ServerSettings, catalog: Catalog, changes: ReleaseChanges) -> None:
        self._settings = settings
        self._catalog = catalog
        self._changes = changes
        self._app: Any = None

    async def answer(self, _request: Request, _path: str) -> MountedApp:
        """Hand a request to pypiserver."""
        await self._catalog.refresh()
        if self._app is None:
            from publisher.server.routes.pypiserver import mount  # noqa: PLC0415 - a quarter of a second, rarely needed

            self._app = mount(self._settings, self._catalog, self._changes)
        return MountedApp(self._app)
