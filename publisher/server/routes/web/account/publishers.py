"""The forms for trusted publishers: which repository may publish a project from CI, with no password."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from publisher.server.auth.errors import AuthError
from publisher.server.http.messages import HttpError, Request
from publisher.server.routes.web.account.api_calls import ApiCalls
from publisher.server.routes.web.account.forms import PLACE


class OwnPublishers(NamedTuple):
    """The publishers of an account's projects, and whether it may add some."""

    publishers: Sequence[Mapping[str, Any]]
    may_add: bool


class PublisherForms:
    """Adds, lists and removes publishers as ``pypi-publish trust`` does; others than GitHub's are added there."""

    def __init__(self, api: ApiCalls) -> None:
        self._api = api

    async def all(self, request: Request) -> OwnPublishers | None:
        """Return the publishers of the account's projects, None where this index has no trusted publishing."""
        try:
            found = await self._api.get(request, "-/trust")
        except (HttpError, AuthError):  # it does not know its URL, or the account manages nothing
            return None
        if found is None:
            return None
        publishers = [
            {**each, "lost": [project for project, by in each["standing"].items() if not by]}
            for each in found["publishers"]
        ]
        return OwnPublishers(publishers, found["may-add"])

    async def add(self, request: Request, fields: Mapping[str, str]) -> str:
        """Trust a workflow of a repository on GitHub."""
        settings = {name: fields.get(name, "").strip() for name in ("repository", "workflow", "environment")}
        given = {name: value for name, value in settings.items() if value}
        projects = [fields.get("project", "").strip()]
        await self._api.post(request, "-/trust", {"kind": "github", "projects": projects, "settings": given})
        return PLACE

    async def remove(self, request: Request, fields: Mapping[str, str]) -> str:
        """Trust a publisher no longer, whose name was typed."""
        name = fields.get("name", "")
        if fields.get("typed", "") != name or not name:
            raise HttpError(422, f"To remove the publisher {name[:64]}, type its name.")
        await self._api.delete(request, f"-/trust/{quote(name, safe='')}")
        return PLACE
