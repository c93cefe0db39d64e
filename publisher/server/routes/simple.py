"""The simple API: all projects, and the files of each, in JSON and HTML (PEP 503, 592, 629, 658, 691, 700, 714)."""

import html
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import quote

from packaging.version import Version

from publisher.limits import LIMITS
from publisher.project.versions import parse_version
from publisher.server.http.messages import HttpError, Request, Response, redirect
from publisher.server.names.filenames import is_name, normalize
from publisher.server.names.versions import newest_first
from publisher.server.routes.authorization import Authorization
from publisher.server.routes.page_memory import JSON, Page, make_page, negotiate
from publisher.server.routes.public.packages import PublicRoutes
from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import StorageError, StorageUnavailableError
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.projects import StoredFile
from publisher.server.upstream.errors import NotUpstreamError

API_VERSION = "1.4"

OWN_ALONE = "own-packages"
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
        self._pages: OrderedDict[tuple[str, str, str], Page] = OrderedDict()
        self._size = 0

    async def answer(self, request: Request, name: str) -> Response:
        """Return the list of projects for an empty name, else the page of the project."""
        kind = negotiate(request.header(b"accept"))
        if not name:
            return await self._index(request, kind)
        if len(name) > LIMITS.project_name + 1:
            raise HttpError(
                404, f"This index has no project {name[:80]}...: names have up to {LIMITS.project_name} characters."
            )
        if not name.endswith("/") or name.rstrip("/") != normalize(name.rstrip("/")):
            return redirect(request, f"simple/{normalize(name.rstrip('/'))}/")
        return await self._project(request, name[:-1], kind)

    def from_memory(self, request: Request, name: str) -> Response | None:
        """Return an answer that is in memory and still right; None when anything has to be waited for."""
        if name[-1:] not in {"/", ""} or not self._catalog.is_current(name[:-1] or None):
            return None
        key = (name[:-1], negotiate(request.header(b"accept")), request.root_path if name else "")
        if not name:
            if not self._authorization.reads_everything(request):
                return None
            page = self._recall(key, self._catalog.revision)
        else:
            project = self._catalog.project(key[0])
            if project is None and self._public is not None and not _wants_own_alone(request):
                return self._public.page_from_memory(request, key[0], key[1])
            if project is None or project.is_due():
                return None
            page = self._recall(key, project.revision)
        return page.answer(request) if page is not None else None

    async def _index(self, request: Request, kind: str) -> Response:
        await self._catalog.refresh()
        key = ("", kind, "")
        scope = await self._authorization.read_scope(request)
        page = self._recall(key, self._catalog.revision) if scope.is_everything else None
        if page is None:
            names = sorted(scope.only(self._catalog.names()))
            make = _index_json if kind == JSON else _index_html
            revision = self._catalog.revision
            page = await self._catalog.in_thread(lambda: make_page(make(names), kind, revision))
            if scope.is_everything:
                self._keep(key, page)
        return page.answer(request)

    async def _project(self, request: Request, name: str, kind: str) -> Response:
        own_alone = _wants_own_alone(request)
        if self._public is not None and not own_alone and self._catalog.project(name) is None:
            with suppress(NotUpstreamError):
                return await self._public.page(request, name, kind)
        project = await self._catalog.find(name)
        if project is None:
            return await self._unknown(name, own_alone=own_alone)
        prefix = request.root_path
        key = (name, kind, prefix)
        try:
            files = await self._catalog.files(project)
        except StorageError:
            last = self._pages.get(key)
            if last is None or self._catalog.unavailable_reason is not None:
                raise
            return last.answer(request)  # its volume is busy for now: what was right before is better than nothing
        page = self._recall(key, project.revision)
        if page is None:
            make: Callable[..., bytes] = _project_json if kind == JSON else _project_html
            revision = project.revision
            ordered = _ordered(files)
            page = await self._catalog.in_thread(lambda: make_page(make(name, ordered, prefix), kind, revision))
            self._keep(key, page)
        return page.answer(request)

    async def _unknown(self, name: str, *, own_alone: bool) -> Response:
        """Answer for a name without files: 404, or another index if the operator chose one and the name is not ours."""
        if self._catalog.unavailable_reason is not None:
            raise StorageUnavailableError
        url = None if own_alone else self._settings.fallback_url
        if url is not None and is_name(name) and not await self._catalog.is_owned(name):
            location = f"{url.rstrip('/')}/{quote(name)}/"
            return Response(302, b"", [(b"location", location.encode()), (b"cache-control", b"no-store")])
        raise HttpError(404, f"This index has no project {name}.")

    def _recall(self, key: tuple[str, str, str], revision: int) -> Page | None:
        page = self._pages.get(key)
        return page if page is not None and page.revision == revision else None

    def _keep(self, key: tuple[str, str, str], page: Page) -> None:
        old = self._pages.pop(key, None)
        self._pages[key] = page
        self._size += page.size - (old.size if old else 0)
        while self._size > self._settings.limits.page_memory and len(self._pages) > 1:
            _, dropped = self._pages.popitem(last=False)
            self._size -= dropped.size


def _wants_own_alone(request: Request) -> bool:
    return request.header(b"prefer") == OWN_ALONE


def file_url(file: StoredFile, prefix: str) -> str:
    """Return the path of a file's URL: it ends in the file name, under the same root as the pages."""
    return f"{prefix}/packages/{quote(file.url_path, safe='/+!~')}"


def _ordered(files: Mapping[str, StoredFile]) -> list[StoredFile]:
    """Return files by version, oldest first, as installers and people expect them."""

    @cache
    def version_key(text: str) -> tuple[bool, Version | str]:
        version = parse_version(text)
        return (False, text) if version is None else (True, version)

    return sorted(files.values(), key=lambda file: (version_key(file.version), file.filename))


def _index_json(names: list[str]) -> bytes:
    return _json({"meta": {"api-version": API_VERSION}, "projects": [{"name": name} for name in names]})


def _index_html(names: list[str]) -> bytes:
    links = "\n".join(f'<a href="{quote(name)}/">{html.escape(name)}</a><br>' for name in names)
    return _html("Simple index", links)


def _project_json(name: str, files: list[StoredFile], prefix: str) -> bytes:
    page = {
        "meta": {"api-version": API_VERSION},
        "name": name,
        "versions": newest_first(file.version for file in files)[::-1],
        "files": [_file_json(file, prefix) for file in files],
    }
    return _json(page)


def _file_json(file: StoredFile, prefix: str) -> dict[str, Any]:
    """Return a file's entry; keys without a value are left out, because uv fails on most that are null."""
    metadata = file.metadata
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": file_url(file, prefix),
        "hashes": {"sha256": metadata.sha256},
        "size": metadata.size,
        "upload-time": metadata.uploaded,
        "yanked": False if file.yanked is None else file.yanked or True,
    }
    if metadata.requires_python is not None:
        entry["requires-python"] = metadata.requires_python
    if metadata.metadata_sha256 is not None:
        entry["core-metadata"] = {"sha256": metadata.metadata_sha256}
        entry["data-dist-info-metadata"] = entry["core-metadata"]  # pip 22.3 to 23.1.2 take no object at another key
    return entry


def _project_html(name: str, files: list[StoredFile], prefix: str) -> bytes:
    return _html(f"Links for {name}", "\n".join(_anchor(file, prefix) for file in files))


def _anchor(file: StoredFile, prefix: str) -> str:
    metadata = file.metadata
    attributes = {"href": f"{file_url(file, prefix)}#sha256={metadata.sha256}"}
    if metadata.requires_python is not None:
        attributes["data-requires-python"] = metadata.requires_python
    if file.yanked is not None:
        attributes["data-yanked"] = file.yanked
    if metadata.metadata_sha256 is not None:
        attributes["data-dist-info-metadata"] = attributes["data-core-metadata"] = f"sha256={metadata.metadata_sha256}"
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {written}>{html.escape(file.filename)}</a><br>"


def _json(page: Any) -> bytes:
    return json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode()


def _html(title: str, body: str) -> bytes:
    text = html.escape(title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="{API_VERSION}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text}</title>
</head>
<body>
<h1>{text}</h1>
{body}
</body>
</html>
""".encode()
