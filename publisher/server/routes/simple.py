"""The simple API: all projects, and the files of each, in JSON and HTML (PEP 503, 592, 629, 658, 691, 700, 714)."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from urllib.parse import quote

from publisher.limits import LIMITS
from publisher.server.http.messages import HttpError, Request, Response, redirect
from publisher.server.names.filenames import is_name, normalize
from publisher.server.routes.authorization import Authorization, ReadScope
from publisher.server.routes.kept_pages import KeptPages, PageKey
from publisher.server.routes.page_memory import JSON, PAGE_TYPES, Page, make_page
from publisher.server.routes.public.packages import PublicRoutes
from publisher.server.routes.quick.repeats import Remembered
from publisher.server.routes.rendering.lists import NameOrder, index_html, index_json
from publisher.server.routes.rendering.projects import ordered, project_html, project_json
from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import StorageError, StorageUnavailableError
from publisher.server.store.interface import PackageCatalog
from publisher.server.upstream.errors import NotUpstreamError

OWN_ALONE = b"own-packages"
"""The preference (RFC 7240) of a client that publishes: other indexes are not asked for a name that is new here."""


class SimplePages:
    """Answers requests below ``/simple/``; a page is made once for each change and kept, as far as memory allows."""

    def __init__(
        self,
        settings: ServerSettings,
        catalog: PackageCatalog,
        public: PublicRoutes | None,
        authorization: Authorization,
    ) -> None:
        self._authorization = authorization
        self._settings = settings
        self._catalog = catalog
        self._public = public
        self._pages = KeptPages(settings.limits.page_memory)
        self._order = NameOrder()

    async def answer(self, request: Request, name: str) -> Response:
        """Return the list of projects for an empty name, else the page of the project."""
        kind = PAGE_TYPES[request.headers.get(b"accept", b"")]
        if not name:
            return await self._index(request, kind)
        if len(name) > LIMITS.project_name + 1:
            raise HttpError(
                404, f"This index has no project {name[:80]}...: names have up to {LIMITS.project_name} characters."
            )
        if not name.endswith("/") or name.rstrip("/") != normalize(name.rstrip("/")):
            return redirect(request, f"simple/{normalize(name.rstrip('/'))}/")
        return await self._project(request, name[:-1], kind)

    def from_memory(self, request: Request, name: str) -> Remembered | None:
        """Return an answer that is in memory and still right; None when anything has to be waited for."""
        kind = PAGE_TYPES[request.headers.get(b"accept", b"")]
        if not name:
            return self._list_from_memory(request, kind) if self._authorization.reads_everything(request) else None
        project = name[:-1]
        if not project or name[-1] != "/":
            return None
        if self._public is not None and self._catalog.project(project) is None:
            found = self._public.page_from_memory(request, project, kind) if not _wants_own_alone(request) else None
            if found is None or found.is_right is None:
                return found
            return Remembered(found.response, partial(self._is_still_public, project, found.is_right))
        page = self._pages.last((project, kind, request.root_path))
        if page is None or not self._is_newest(project, page.revision):
            return None
        return Remembered(page.answer(request), partial(self._is_newest, project, page.revision))

    def _is_still_public(self, name: str, is_right: Callable[[], bool]) -> bool:
        return self._catalog.project(name) is None and is_right()

    def _list_from_memory(self, request: Request, kind: str) -> Remembered | None:
        page = self._pages.last(("", kind, ""))
        if page is None or not self._is_newest_list(page.revision):
            return None
        return Remembered(page.answer(request), partial(self._is_newest_list, page.revision))

    def _is_newest_list(self, revision: int) -> bool:
        """Return whether memory proves that a revision of the list of all projects is the newest."""
        return self._catalog.is_current() and self._catalog.revision == revision

    def _is_newest(self, name: str, revision: int) -> bool:
        """Return whether memory proves that a revision of a project is the newest."""
        if not self._catalog.is_current(name):
            return False
        project = self._catalog.project(name)
        return project is not None and project.revision == revision and not project.is_due()

    async def _index(self, request: Request, kind: str) -> Response:
        await self._catalog.refresh()
        key = ("", kind, "")
        scope = await self._authorization.read_scope(request)
        make = partial(self._make_index, kind, scope)
        if not scope.is_everything:
            return (await make()).answer(request)
        page = self._pages.recall(key, self._catalog.revision)
        return (page if page is not None else await self._pages.make(key, make)).answer(request)

    async def _make_index(self, kind: str, scope: ReadScope) -> Page:
        """Return the list of the projects in a scope."""
        make = index_json if kind == JSON else index_html
        names, revision = self._catalog.names(), self._catalog.revision
        return await self._catalog.in_thread(
            lambda: make_page(make(scope.only(self._order.sorted(names))), kind, revision)
        )

    async def _project(self, request: Request, name: str, kind: str) -> Response:
        own_alone = _wants_own_alone(request)
        if self._public is not None and not own_alone and self._catalog.project(name) is None:
            with suppress(NotUpstreamError):
                return await self._public.page(request, name, kind)
        project = await self._catalog.find(name)
        if project is None:
            return await self._unknown(name, own_alone=own_alone)
        key = (name, kind, request.root_path)
        try:
            await self._catalog.files(project)
            page = self._pages.recall(key, project.revision)
            if page is None:
                page = await self._pages.make(key, partial(self._make, key))
        except StorageError:
            page = self._pages.last(key)
            if page is None or self._catalog.unavailable_reason is not None:
                raise
            return page.answer(request)  # the volume is busy: an old page is better than none
        return page.answer(request) if page is not None else await self._unknown(name, own_alone=own_alone)

    async def _make(self, key: PageKey) -> Page | None:
        """Return the page of a project as it is now, or None if the project is gone."""
        name, kind, prefix = key
        project = self._catalog.project(name)
        if project is None:
            return None
        files, revision = await self._catalog.files(project), project.revision
        page = self._pages.recall(key, revision)
        if page is not None:
            return page
        make = project_json if kind == JSON else project_html
        return await self._catalog.in_thread(lambda: make_page(make(name, ordered(files), prefix), kind, revision))

    async def _unknown(self, name: str, *, own_alone: bool) -> Response:
        """Answer for a name without files: 404, or another index if the operator chose one and the name is not ours."""
        if self._catalog.unavailable_reason is not None:
            raise StorageUnavailableError
        url = None if own_alone else self._settings.fallback_url
        if url is not None and is_name(name) and not await self._catalog.is_owned(name):
            location = f"{url.rstrip('/')}/{quote(name)}/"
            return Response(302, b"", [(b"location", location.encode()), (b"cache-control", b"no-store")])
        raise HttpError(404, f"This index has no project {name}.")


def _wants_own_alone(request: Request) -> bool:
    return request.headers.get(b"prefer") == OWN_ALONE
