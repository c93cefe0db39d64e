"""The pages of projects and releases: README, facts, requirements, dependents, versions, files, contents."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from publisher.limits import LIMITS
from publisher.project.versions import same_version
from publisher.server.http.messages import HttpError, Request, Response, redirect
from publisher.server.names.filenames import is_name, normalize
from publisher.server.routes.authorization import ReadScope
from publisher.server.routes.rendering.projects import file_url
from publisher.server.routes.web.page_records import FileDetails
from publisher.server.routes.web.releases import ReleaseView, shown_first
from publisher.server.routes.web.site import Site
from publisher.server.store.projects import Project, StoredFile
from publisher.server.web.describing import (
    Dependency,
    dependencies,
    extras,
    keywords,
    license_text,
    links,
    one_line,
    people,
    python_versions,
)
from publisher.server.web.setup_lines import ToolLines, index_name, package_lines


class _Subject(NamedTuple):
    """The subject of a page: a release of a project, and the requested file."""

    project: Project
    releases: list[ReleaseView]
    release: ReleaseView
    details: FileDetails
    file: StoredFile
    page: int
    """The page of the release's files."""
    all_versions: bool


class ProjectPage:
    """Answers ``/projects/NAME/`` and ``/projects/NAME/VERSION/``."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def answer(self, request: Request, path: str) -> Response:
        """Show a project, or one of its releases."""
        name, _, version = path.rstrip("/").partition("/")
        if len(name) > LIMITS.project_name or "/" in version:
            raise HttpError(404, "This index has no such page.")
        if not path.endswith("/") or name != normalize(name):
            return redirect(request, f"projects/{normalize(name)}/{version}".rstrip("/") + "/")
        project = await self._site.catalog.find(name) if is_name(name) else None
        if project is None:
            raise HttpError(404, f"This index has no project {name}.")
        releases = await self._site.releases.of(project)
        release = _release(releases, version) if version else shown_first(releases)
        if release is None:
            raise HttpError(404, f"This index has no release {version} of {name}." if version else f"{name} is empty.")
        await self._site.overviews.refresh()
        asked = parse_qs(request.scope.get("query_string", b"").decode("latin-1"))
        named = next((file for file in release.files if [file.filename] == asked.get("file")), None)
        file = named or release.main_file
        details = await self._site.details.details(file)
        page = _page(release, asked.get("page", [""])[0], named)
        subject = _Subject(project, releases, release, details, file, page, asked.get("versions") == ["all"])
        scope = await self._site.authorization.read_scope(request)
        manages = await self._site.authorization.may_change(request, name)
        key = (
            name,
            version,
            project.revision,
            file.filename,
            page,
            subject.all_versions,
            self._site.overviews.generation,
            scope.key,
            manages,
        )
        template = "release.html" if version else "project.html"
        return await self._site.page(
            request, template, key, lambda: {**self._values(request, subject, scope), "manages": manages}
        )

    def _values(self, request: Request, subject: _Subject, scope: ReadScope) -> dict[str, Any]:
        name, release, fields = subject.project.name, subject.release, subject.details.fields
        newest = shown_first(subject.releases)
        needed = dependencies(fields)
        known = {each.normalized for each in needed if self._is_known(each.normalized, scope)}
        complete = all(each.normalized in known or each.extra for each in needed)
        dependents = [each for each in self._site.overviews.dependents(name) if scope.shows(each.name)]
        files = release.files[(subject.page - 1) * LIMITS.pages.files : subject.page * LIMITS.pages.files]
        shown = len(subject.releases) if subject.all_versions else LIMITS.pages.versions
        return {
            **_facts(fields),
            "name": name,
            "title": one_line(fields.get("name", "")) or name,
            "release": release,
            "newest": newest,
            "releases": subject.releases[:shown],
            "release_count": len(subject.releases),
            "requirements": _grouped(needed),
            "known": known,
            "dependents": dependents[: LIMITS.pages.dependents],
            "dependent_count": len(dependents),
            "waiting": self._site.overviews.waiting(scope.shows),
            "tools": self._site.with_login(request, self._lines(request, subject, complete=complete)),
            "details": subject.details,
            "file": subject.file,
            "files": [(file, file_url(file, request.root_path)) for file in files],
            "page": subject.page,
            "pages": _pages(release),
        }

    def _lines(self, request: Request, subject: _Subject, *, complete: bool) -> list[ToolLines]:
        """Return the lines that install the release, pinned if installers would choose another one."""
        name, release = subject.project.name, subject.release
        is_newest = release is shown_first(subject.releases)
        pinned = release.version and (not is_newest or release.yanked is not None or release.is_prerelease)
        return package_lines(
            f"{request.base_url}simple/",
            index_name(request.header(b"host")),
            name,
            f"{name}=={release.version}" if pinned else name,
            passes_on=self._site.settings.passes_on,
            complete=complete,
        )

    def _is_known(self, name: str, scope: ReadScope) -> bool:
        return scope.shows(name) and self._site.catalog.project(name) is not None


def _pages(release: ReleaseView) -> int:
    return -(-len(release.files) // LIMITS.pages.files)


def _page(release: ReleaseView, asked: str, named: StoredFile | None) -> int:
    """Return the page of a release's files that is asked for, or that a file is on."""
    if named is not None:
        return release.files.index(named) // LIMITS.pages.files + 1
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
    return min(max(page, 1), _pages(release))


def _facts(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "summary": one_line(fields.get("summary", "")),
        "links": links(fields),
        "authors": people(fields, "author"),
        "maintainers": people(fields, "maintainer"),
        "license": license_text(fields),
        "keywords": keywords(fields),
        "requires_python": fields.get("requires_python", ""),
        "python_versions": python_versions(fields),
        "extras": extras(fields),
        "classifiers": fields.get("classifiers", []),
        "metadata_version": fields.get("metadata_version", ""),
    }


def _release(releases: list[ReleaseView], version: str) -> ReleaseView | None:
    return next((release for release in releases if same_version(release.version, version)), None)


def _grouped(needed: list[Dependency]) -> dict[str, list[Dependency]]:
    """Return requirements by the extra that brings them."""
    found: dict[str, list[Dependency]] = {}
    for each in needed:
        found.setdefault(each.extra, []).append(each)
    return found
