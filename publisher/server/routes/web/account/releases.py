"""The forms for releases: yank with a reason, undo that, delete."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from publisher.project.versions import same_version
from publisher.server.auth.principal import Right
from publisher.server.http.messages import HttpError, Request
from publisher.server.names.filenames import is_name, normalize
from publisher.server.routes.web.account.api_calls import ApiCalls
from publisher.server.routes.web.account.forms import PLACE
from publisher.server.routes.web.overview import ProjectOverview
from publisher.server.routes.web.site import Site


class ReleaseForms:
    """Changes releases as ``pypi-publish yank``, ``unyank`` and ``delete`` do."""

    def __init__(self, site: Site, api: ApiCalls) -> None:
        self._site = site
        self._api = api

    async def own_projects(self, request: Request, username: str) -> list[tuple[ProjectOverview, bool]]:
        """
        Return the projects whose newest release an account has uploaded, or that name it as maintainer.

        Each comes with whether the account may manage it.
        """
        await self._site.overviews.refresh()
        scope = await self._site.authorization.read_scope(request)
        maintained = await self._site.authorization.maintained_by(username)
        listed = {name for name in maintained if self._site.catalog.project(name) is not None}
        own = listed.union(self._site.overviews.published_by(username))
        names = [name for name in sorted(own) if scope.shows(name)]
        may = self._site.authorization.may_change
        return [(self._site.overviews.entry(name), await may(request, name)) for name in names]

    async def values(self, request: Request, path: str) -> dict[str, Any]:
        """Return the values of the page ``projects/NAME/VERSION/``; raise HttpError 404 without such a release."""
        place, _, rest = path.strip("/").partition("/")
        name, _, version = rest.partition("/")
        if place != "projects" or not is_name(name) or name != normalize(name):
            raise HttpError(404, "This index has no such page.")
        await self._api.get(request, f"{name}/json")  # refuses accounts that may not read it
        await self._site.authorization.require_right(request, Right.MANAGE, name)
        project = await self._site.catalog.find(name)
        releases = await self._site.releases.of(project) if project is not None else []
        release = next((each for each in releases if same_version(each.version, version)), None)
        if release is None:
            raise HttpError(404, f"This index has no release {version[:100]} of {name}.")
        return {"name": name, "release": release}

    def place(self, fields: Mapping[str, str]) -> str:
        """Return the path of the page with the form of a release; raise HttpError 422 for none."""
        name, version = _release(fields)
        return f"{PLACE}projects/{name}/{version}/"

    async def yank(self, request: Request, fields: Mapping[str, str]) -> str:
        """Yank a release, for a reason."""
        name, version = _release(fields)
        await self._api.put(request, f"projects/{name}/{version}/yanked", {"reason": fields.get("reason", "").strip()})
        return self.place(fields)

    async def unyank(self, request: Request, fields: Mapping[str, str]) -> str:
        """Undo a yank."""
        name, version = _release(fields)
        await self._api.delete(request, f"projects/{name}/{version}/yanked")
        return self.place(fields)

    async def delete(self, request: Request, fields: Mapping[str, str]) -> str:
        """Delete a release, where the project's name was typed."""
        name, version = _release(fields)
        if fields.get("typed", "") != fields.get("name", ""):
            raise HttpError(422, f"To delete {name} {fields.get('version', '')[:100]}, type the project's name.")
        await self._api.delete(request, f"projects/{name}/{version}")
        return PLACE


def _release(fields: Mapping[str, str]) -> tuple[str, str]:
    """Return name and version for a path; raise HttpError 422 where one is missing."""
    name, version = normalize(fields.get("name", "")), fields.get("version", "")
    if not is_name(name) or not version or "/" in version:
        raise HttpError(422, "Name a project and a version.")
    return name, quote(version, safe="+!~")
