"""All pages for people, put together."""

from publisher.server.routes.web.home import HomePage
from publisher.server.routes.web.project import ProjectPage
from publisher.server.routes.web.site import Site
from publisher.server.routes.web.static import StaticRoutes
from publisher.server.settings import ServerSettings
from publisher.server.storage.base import Storage
from publisher.server.store.catalog import Catalog
from publisher.server.work.inspection import InspectionPool


class WebPages:
    """The handlers of the pages; nothing is read or imported for them before the first one is asked for."""

    def __init__(self, settings: ServerSettings, catalog: Catalog, storage: Storage, pool: InspectionPool) -> None:
        self._site = Site(settings, catalog, storage, pool)
        self.home = HomePage(self._site)
        self.project = ProjectPage(self._site)
        self.static = StaticRoutes()

    def stop(self) -> None:
        """End what runs in the background."""
        self._site.stop()
