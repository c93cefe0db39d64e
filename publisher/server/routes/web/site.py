"""The base of all pages: the catalog behind them, and finished pages, kept until something changes."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

from publisher.limits import LIMITS
from publisher.server.auth.sessions.sessions import Sessions
from publisher.server.http.memory import Memory
from publisher.server.http.messages import Headers, Request, Response
from publisher.server.routes.authorization import Authorization
from publisher.server.routes.web.account.cookies import renewed_cookie, session_cookie, session_of
from publisher.server.routes.web.details import DetailsReader
from publisher.server.routes.web.overview import Overviews
from publisher.server.routes.web.page import base_values, make_body, page_response
from publisher.server.routes.web.releases import ReleaseViews
from publisher.server.routes.web.summaries import SummaryReader
from publisher.server.settings import Activity, ServerSettings
from publisher.server.storage.base import Storage
from publisher.server.store.interface import PackageCatalog
from publisher.server.web.setup_lines import ToolLines, index_name, with_login
from publisher.server.work.inspection import InspectionPool

Values = Mapping[str, Any]


class Site:
    """The parts that pages are made of."""

    def __init__(  # noqa: PLR0913, PLR0917 - what pages are made of
        self,
        settings: ServerSettings,
        catalog: PackageCatalog,
        storage: Storage,
        pool: InspectionPool,
        sessions: Sessions,
        authorization: Authorization,
    ) -> None:
        self._sessions = sessions
        self.authorization = authorization
        self.catalog = catalog
        self.settings = settings
        self.overviews = Overviews(catalog, SummaryReader(catalog, storage, pool))
        self.releases = ReleaseViews(catalog)
        self.details = DetailsReader(catalog, storage, pool)
        self._made: Memory[Hashable, tuple[bytes, bytes]] = Memory(
            LIMITS.pages.made_memory, lambda made: sum(map(len, made))
        )

    async def page(self, request: Request, template: str, key: Hashable, values: Callable[[], Values]) -> Response:
        """
        Return a page; it is rendered again when its ``key`` has changed.

        ``values`` is called in a thread, and so is the template.
        """
        base = self._base(request)
        whole = template, key, base["base_url"], base["username"]
        made = self._made.get(whole)
        if made is None:
            made = await self.catalog.in_thread(lambda: make_body(template, {**base, **values()}))
            self._made.keep(whole, made)
        response = page_response(request, *made)
        renewed = await self._renewed(request)
        return replace(response, headers=[*response.headers, *renewed]) if renewed else response

    async def fresh_page(
        self,
        request: Request,
        template: str,
        values: Values,
        status: int,
        headers: Headers | None = None,
    ) -> Response:
        """Return a page that no cache may keep."""
        whole = {**self._base(request), **values}
        made = await self.catalog.in_thread(lambda: make_body(template, whole))
        response = page_response(request, *made, status)
        kept = [header for header in response.headers if header[0] not in {b"cache-control", b"etag"}]
        more = [(b"cache-control", b"no-store"), *(headers or []), *await self._renewed(request)]
        return replace(response, headers=[*kept, *more])

    def _base(self, request: Request) -> dict[str, Any]:
        return {**base_values(request), "can_sign_in": self._sessions.is_possible and request.username is None}

    async def _renewed(self, request: Request) -> Headers:
        """Return the header with a new cookie where that of a session has been in use for a while."""
        session = session_of(request)
        if session is None or not session.is_due:
            return []
        cookie = await renewed_cookie(request, self._sessions)
        return [session_cookie(request, cookie)] if cookie is not None else []

    def with_login(self, request: Request, lines: list[ToolLines]) -> list[ToolLines]:
        """Add each tool's login to its lines if this index requires an account to install."""
        if not self._sessions.is_possible or Activity.DOWNLOAD not in self.settings.authenticate:
            return lines
        name = index_name(request.header(b"host"))
        return with_login(lines, name, request.base_url, request.username or "USER")

    def stop(self) -> None:
        """End background work."""
        self.overviews.stop()
        self.details.stop()
