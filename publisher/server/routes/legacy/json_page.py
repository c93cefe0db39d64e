"""The JSON page of a project: ``/NAME/json`` as in pypiserver, ``/pypi/NAME/json`` as in the Python Package Index."""

from publisher.server.http.messages import HttpError, Request, Response, json_response, redirect
from publisher.server.names.filenames import is_name, normalize
from publisher.server.names.versions import newest_first
from publisher.server.routes.rendering.projects import file_url
from publisher.server.store.interface import PackageCatalog


class JsonPage:
    """Answers for every project, also for one that is named like another route."""

    def __init__(self, catalog: PackageCatalog) -> None:
        self._catalog = catalog

    def has_project(self, name: str) -> bool:
        """Return whether a project of that name is known."""
        return self._catalog.project(normalize(name)) is not None

    async def answer(self, request: Request, name: str) -> Response:
        """Return the newest version, and the URLs of the files of every version, as pypiserver writes them."""
        normalized = normalize(name)
        if name != normalized:
            return redirect(request, f"{normalized}/json")
        project = await self._catalog.find(name) if is_name(name) else None
        if project is None:
            raise HttpError(404, f"This index has no project {name[:80]}.")
        files = (await self._catalog.files(project)).values()
        prefix = request.root_path
        releases = {
            version: [{"url": request.origin + file_url(file, prefix)} for file in files if file.version == version]
            for version in newest_first(file.version for file in files)
        }
        return json_response({"info": {"version": next(iter(releases), "")}, "releases": releases})

    async def answer_pypi(self, request: Request, rest: str) -> Response:
        """Answer below ``pypi/``, where nothing else is."""
        name, _, below = rest.partition("/")
        if below.rstrip("/") != "json":
            raise HttpError(404, "Below /pypi/ this index has only /pypi/NAME/json.")
        return await self.answer(request, name)
