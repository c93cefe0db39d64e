"""API tokens over HTTP: creating, listing and revoking them, with a password or the admin token."""

import time
from collections.abc import Mapping
from typing import Any

from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.principal import Principal, PrincipalKind, Right
from publisher.server.auth.tokens.changes import TokenChanges
from publisher.server.auth.tokens.records import InvalidTokenRequestError, check_request
from publisher.server.auth.tokens.stored import StoredTokens
from publisher.server.http.json_body import JsonBody, JsonKey, JsonKind
from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.routes.authorization import principal_of
from publisher.server.routes.trust.oversight import Oversight
from publisher.server.routes.trust.standing import Standing

LONGEST = 3660
"""Days that a token may be valid for; without a number it doesn't end by itself."""

_MOST = 100

NEW_TOKEN = JsonBody(
    {
        "name": JsonKey(JsonKind.TEXT, required=True),
        "rights": JsonKey(JsonKind.TEXTS, required=True),
        "projects": JsonKey(JsonKind.TEXTS),
        "expires-days": JsonKey(JsonKind.NUMBER, nullable=True),
        "owner": JsonKey(JsonKind.TEXT, nullable=True),
    }
)


class TokenRoutes:
    """Answers ``/-/tokens`` and ``/-/tokens/...``."""

    def __init__(
        self,
        tokens: StoredTokens,
        changes: TokenChanges,
        authenticator: Authenticator,
        oversight: Oversight,
        standing: Standing,
    ) -> None:
        self._standing = standing
        self._tokens = tokens
        self._changes = changes
        self._authenticator = authenticator
        self._oversight = oversight

    async def create(self, request: Request, _rest: str = "") -> Response:
        """Create a token of the sender, or of a service account that an admin names; only this answer has its text."""
        found = request.json
        owner = await self._owner(principal_of(request), found.get("owner", ""))
        rights, projects = _few(found, "rights"), _few(found, "projects")
        try:
            grants = check_request(found["name"], rights, projects)
            record, text = await self._changes.create(
                owner, found["name"], grants, expires=_end(found), by=principal_of(request).name
            )
        except InvalidTokenRequestError as error:
            raise HttpError(422, str(error)) from error
        await self._oversight.record(
            request,
            "token-created",
            token_name=record.name,
            owner=owner,
            rights=sorted(rights),
            projects=[grant.pattern for grant in grants],
            expires=record.expires,
        )
        return json_response({**record.shown(None), "token": text}, 201)

    async def list(self, request: Request, _rest: str = "") -> Response:
        """
        List the sender's tokens, or all tokens for an admin; never their text.

        ``rights-now`` are the rights that the owner of each has now, too.
        """
        principal = principal_of(request)
        everybody = principal.may(Right.ADMIN)
        used = await self._tokens.last_used()
        records = (await self._tokens.copy.get(0.0)).values()
        wanted = [record for record in records if everybody or record.owner == principal.name]
        ordered = sorted(wanted, key=lambda record: (record.owner, record.name))
        shown = [
            {**record.shown(used.get(record.identifier)), "rights-now": await self._standing.of_token(record)}
            for record in ordered
        ]
        return json_response({"tokens": shown})

    async def revoke(self, request: Request, rest: str) -> Response:
        """Revoke a token of the sender, ``NAME``, or of any account, ``OWNER/NAME``, as an admin."""
        principal = principal_of(request)
        owner, slash, name = rest.rpartition("/")
        owner = owner if slash else principal.name
        if owner != principal.name and not principal.may(Right.ADMIN):
            raise HttpError(403, f"Only an admin revokes the tokens of another account: {owner[:128]}.")
        if not await self._changes.revoke(owner, name):
            raise HttpError(404, f"{owner[:128]} has no token {name[:64]!r}.")
        await self._oversight.record(request, "token-revoked", token_name=name, owner=owner)
        return json_response({"name": name, "owner": owner, "status": "revoked"})

    async def _owner(self, principal: Principal, named: str) -> str:
        """Return the owner of a new token; raise HttpError 403 if the sender may not create it."""
        if not named or named == principal.name:
            if principal.kind is PrincipalKind.ADMIN_TOKEN:
                raise HttpError(422, "Name the service account that will own the token: --for NAME.")
            return principal.name
        if not principal.may(Right.ADMIN):
            raise HttpError(403, "Only an admin creates tokens for service accounts.")
        if not await self._authenticator.is_service(named):
            raise HttpError(403, f"{named[:128]} is not a service account: people create their own tokens.")
        return named


def _few(found: Mapping[str, Any], key: str) -> list[str]:
    value: list[str] = found.get(key, [])
    if len(value) > _MOST:
        raise HttpError(422, f"The key {key!r} must be a list of at most {_MOST} texts.")
    return value


def _end(found: Mapping[str, Any]) -> float | None:
    days: float | None = found.get("expires-days")
    if days is None:
        return None
    if not 0 < days <= LONGEST:
        raise HttpError(422, f"A token may be valid for up to {LONGEST} days.")
    return time.time() + days * 86400
