"""The forms for API tokens: one is shown once, when it is made."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from publisher.server.http.messages import HttpError, Request
from publisher.server.routes.web.account.api_calls import ApiCalls
from publisher.server.routes.web.account.forms import PLACE

_RIGHTS = {
    "read": ["read"],
    "publish": ["publish"],
    "manage": ["publish", "manage"],
    "create": ["publish", "create"],
}


class TokenForms:
    """Creates, lists and revokes tokens as ``pypi-publish token`` does."""

    def __init__(self, api: ApiCalls) -> None:
        self._api = api

    async def all(self, request: Request) -> list[Mapping[str, Any]] | None:
        """Return the tokens of the account, None where this index has none."""
        found = await self._api.get(request, "-/tokens")
        if found is None:
            return None
        own = [each for each in found.get("tokens", []) if each.get("owner") == request.username]
        return [{**each, "lost": _lost(each)} for each in own]

    async def create(self, request: Request, fields: Mapping[str, str]) -> str:
        """Make a token and return its text."""
        rights = _RIGHTS.get(fields.get("can", ""))
        if rights is None:
            raise HttpError(422, "Choose what the token may do.")
        days = fields.get("days", "")
        if days and not (days.isascii() and days.isdigit()):
            raise HttpError(422, "The number of days must be a number.")
        wanted = {
            "name": fields.get("name", ""),
            "rights": rights,
            "projects": fields.get("projects", "").replace(",", " ").split(),
            "expires-days": int(days) if days else None,
        }
        made = await self._api.post(request, "-/tokens", wanted)
        return str(made["token"]) if made is not None else ""

    async def revoke(self, request: Request, fields: Mapping[str, str]) -> str:
        """Revoke a token whose name was typed."""
        name = fields.get("name", "")
        if fields.get("typed", "") != name or not name:
            raise HttpError(422, f"To revoke the token {name[:64]}, type its name.")
        await self._api.delete(request, f"-/tokens/{quote(name, safe='')}")
        return PLACE


def _lost(token: Mapping[str, Any]) -> list[str]:
    """Return the rights that a token was given and its owner lacks now."""
    now = {grant["projects"]: grant["rights"] for grant in token["rights-now"]}
    missing = [
        (set(grant["rights"]) - set(now.get(grant["project"], ())), grant["project"]) for grant in token["grants"]
    ]
    return [f"{', '.join(sorted(rights))} on {project}" for rights, project in missing if rights]
