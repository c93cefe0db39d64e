"""The home page: search, recent releases, all projects, and how to use this index."""

from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode

from publisher.limits import LIMITS
from publisher.project.display import human_age
from publisher.server.http.messages import Request, Response
from publisher.server.routes.authorization import ReadScope
from publisher.server.routes.own_client import client_lines, find_client
from publisher.server.routes.web.site import Site
from publisher.server.settings import ServerSettings
from publisher.server.store.projects import StoredFile
from publisher.server.web.searching import SearchResult
from publisher.server.web.setup_lines import index_lines, index_name


class _Wanted(NamedTuple):
    query: str
    page: int


class HomePage:
    """Answers ``/``."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def answer(self, request: Request, _rest: str = "") -> Response:
        """Show the projects that a query finds, or all of them."""
        await self._site.overviews.refresh()
        wanted = _wanted(request)
        overviews, catalog = self._site.overviews, self._site.catalog
        wheel = await find_client(catalog)
        scope = await self._site.authorization.read_scope(request)
        key = (
            wanted,
            catalog.revision,
            catalog.file_count,
            overviews.generation,
            overviews.waiting(scope.shows),
            wheel and wheel.filename,
            scope.key,
        )

        return await self._site.page(request, "home.html", key, lambda: self._values(request, wanted, wheel, scope))

    def _values(self, request: Request, wanted: _Wanted, wheel: StoredFile | None, scope: ReadScope) -> dict[str, Any]:
        names = scope.only(self._site.catalog.names())
        found = self._found(wanted, names, scope)
        pages = _pages(found.total)
        page = min(wanted.page, pages)
        name = index_name(request.header(b"host"))
        simple_url = f"{request.base_url}simple/"
        return {
            "query": wanted.query,
            "projects": list(map(self._site.overviews.entry, found.names)),
            "found": found.total,
            "project_count": len(names),
            "file_count": self._file_count(names, scope),
            "waiting": self._site.overviews.waiting(scope.shows),
            "recent": self._site.overviews.recent(scope.shows) if page == 1 and not wanted.query else [],
            "page": page,
            "pages": pages,
            "before": _address(wanted.query, page - 1),
            "after": _address(wanted.query, page + 1),
            "passes_on": self._site.settings.passes_on,
            "cooldown": _cooldown(self._site.settings),
            "tools": self._site.with_login(
                request, index_lines(simple_url, name, passes_on=self._site.settings.passes_on)
            ),
            "client": wheel,
            "client_lines": client_lines(request, wheel) if wheel is not None else ("", ""),
        }

    def _found(self, wanted: _Wanted, names: list[str], scope: ReadScope) -> SearchResult:
        """Return one page of the projects that match a query; without one, of all projects."""
        if wanted.query:
            shows = None if scope.is_everything else scope.shows
            result = self._site.overviews.search.find(wanted.query, wanted.page * LIMITS.pages.projects, shows)
            listed, total = result.names, result.total
        else:
            listed, total = sorted(names), len(names)
        start = (min(wanted.page, _pages(total)) - 1) * LIMITS.pages.projects
        return SearchResult(listed[start : start + LIMITS.pages.projects], total)

    def _file_count(self, names: list[str], scope: ReadScope) -> int:
        if scope.is_everything:
            return self._site.catalog.file_count
        projects = map(self._site.catalog.project, names)
        return sum(len(project.places) for project in projects if project is not None)


def _cooldown(settings: ServerSettings) -> str:
    """Return the minimum age of public files, empty if there is none."""
    return human_age(settings.upstream.cooldown) if settings.upstream is not None and settings.upstream.cooldown else ""


def _pages(count: int) -> int:
    return max(1, -(-count // LIMITS.pages.projects))


def _wanted(request: Request) -> _Wanted:
    given = parse_qs(request.scope.get("query_string", b"").decode("latin-1"), max_num_fields=None)
    query = " ".join(given.get("q", [""])[0][: LIMITS.pages.query].split())
    text = given.get("page", ["1"])[0]
    page = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 1
    return _Wanted(query, max(page, 1))


def _address(query: str, page: int) -> str:
    return "?" + urlencode({**({"q": query} if query else {}), "page": page})
