"""All web pages, put together."""

from publisher.server.auth.sessions.sessions import Sessions
from publisher.server.http.messages import HttpError, Request, Response
from publisher.server.routes.web.account.api_calls import ApiCalls
from publisher.server.routes.web.account.pages import AccountPages
from publisher.server.routes.web.errors import error_page
from publisher.server.routes.web.home import HomePage
from publisher.server.routes.web.project import ProjectPage
from publisher.server.routes.web.site import Site
from publisher.server.routes.web.static import StaticRoutes


class WebPages:
    """The handlers of the pages; nothing is read or imported for them before the first one is asked for."""

    def __init__(self, site: Site, sessions: Sessions, api: ApiCalls) -> None:
        self._site = site
        self._sessions = sessions
        self.home = HomePage(site)
        self.project = ProjectPage(site)
        self.account = AccountPages(site, sessions, api)
        self.static = StaticRoutes()

    async def refuse(self, request: Request, error: HttpError) -> Response:
        """Return an error as a page; where only credentials are missing, that is the form to sign in."""
        if error.status == 401 and self._sessions.is_possible and request.headers.get(b"authorization") is None:
            return await self.account.sign_in_page(request, asked_for=request.path, status=401)
        return await error_page(request, error)

    def stop(self) -> None:
        """End background work."""
        self._site.stop()
