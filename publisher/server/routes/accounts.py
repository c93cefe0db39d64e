"""The account API: registering, listing and removing users, and changing one's own password."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import publisher
from publisher.limits import LIMITS
from publisher.server.auth.access.rules import role_name
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import InvalidAccountError
from publisher.server.auth.htpasswd import Change, Users
from publisher.server.auth.oidc.endings import publisher_endings
from publisher.server.auth.principal import ADMIN_TOKEN, Principal, Right
from publisher.server.auth.tokens.changes import TokenChanges
from publisher.server.http.json_body import JsonBody, JsonKey, JsonKind
from publisher.server.http.messages import HttpError, Request, Response, error_response, json_response
from publisher.server.routes.authorization import principal_of
from publisher.server.routes.failures import DOMAIN_ERRORS, http_error
from publisher.server.settings import Activity, ServerSettings
from publisher.server.storage.base import Files, Storage
from publisher.server.storage.errors import NotDurableError

_Result = TypeVar("_Result")

REGISTRATION = JsonBody(
    {
        "username": JsonKey(JsonKind.TEXT, required=True),
        "password": JsonKey(JsonKind.TEXT),
        "service": JsonKey(JsonKind.FLAG),
    }
)
NEW_PASSWORD = JsonBody({"password": JsonKey(JsonKind.TEXT, required=True)})

AccountEnding = Callable[[str], Awaitable[Sequence[str]]]
"""Ends things that an account leaves behind when it is removed, and returns their names."""


class AccountRoutes:
    """Answers ``/register``, ``/users``, ``/whoami`` and ``/password``; a change is committed before it is answered."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of an index that accounts concern
        self,
        settings: ServerSettings,
        authenticator: Authenticator,
        storage: Storage,
        audit: AuditTrail,
        endings: Mapping[str, AccountEnding] | None = None,
        granted: Callable[[Principal], Awaitable[list[dict[str, Any]]]] | None = None,
    ) -> None:
        self._audit = audit
        self._granted = granted
        self._endings = dict(endings or {})
        self._settings = settings
        self._authenticator = authenticator
        self._storage = storage

    @property
    def _users(self) -> Users:
        users = self._authenticator.users
        if users is None:
            raise HttpError(404, "This index has no accounts: it was started without an htpasswd file.")
        return users

    async def register(self, request: Request, _rest: str = "") -> Response:
        """Create a user or change a password: 201 for a new one, 200 for a change or a repeat."""
        found = request.json
        username: str = found["username"]
        if found.get("service"):
            change = await self._change(lambda users, files: users.add_service(files, username))
        elif "password" not in found:
            raise HttpError(422, "The JSON object needs the key 'password' with a string.")
        else:
            change = await self._set_password(username, found["password"])
        if change is Change.CREATED:
            await self._begin_anew(username)
        if change is not Change.UNCHANGED:
            await self._record(request, f"account-{change.value}", account=username)
        status = 201 if change is Change.CREATED else 200
        return json_response({"username": username, "status": change.value}, status)

    async def _begin_anew(self, username: str) -> None:
        """End leftovers of a removed account of the same name, except its roles, which people write."""
        for kind, end in self._endings.items():
            if kind != "roles":
                await end(username)

    async def answer_registration(self, request: Request) -> Response:
        """Register as `register` does, without an index around it: errors are answers too."""
        try:
            await self._authenticator.require_admin(request.headers.get(b"authorization"), request.client)
            request.principal = ADMIN_TOKEN
            await self._audit.settle()
            request.json = await REGISTRATION.read(request)
            return await self.register(request)
        except (HttpError, *DOMAIN_ERRORS) as error:
            return error_response(request, http_error(error))

    async def list(self, _request: Request, _rest: str = "") -> Response:
        """Name all users."""
        users = self._users
        await self._storage.refresh()
        async with self._storage.reading() as files:
            names = await asyncio.to_thread(users.names, files)
            services = await asyncio.to_thread(users.services, files)
        return json_response({"users": names, "services": services})

    async def remove(self, request: Request, username: str) -> Response:
        """Remove a user, and end its tokens and everything else that only it vouched for; 404 for an unknown name."""
        removed = await self._change(lambda users, files: users.remove(files, username))
        ended = {kind: list(await end(username)) for kind, end in self._endings.items()}
        if not removed and not any(ended.values()):
            raise HttpError(404, f"Unknown user {username[: LIMITS.account_name]}.")
        await self._record(request, "account-removed", account=username, **{k: v for k, v in ended.items() if v})
        return json_response({"username": username, "status": "removed", "ended": ended})

    async def whoami(self, request: Request, _rest: str = "") -> Response:
        """Return a user's name and rights."""
        principal = principal_of(request)
        granted = await self._granted(principal) if self._granted is not None else []
        grants = [{**grant, "role": role_name(grant["rights"])} for grant in granted]
        about: dict[str, Any] = {
            "index": "pypi-publish",
            "version": publisher.__version__,
            "passes-on": self._settings.passes_on,
        }
        if self._settings.upstream is not None:
            about["cooldown"] = self._settings.upstream.cooldown
        return json_response({"username": principal.name, "rights": _activities(principal), "grants": grants, **about})

    async def change_password(self, request: Request, _rest: str = "") -> Response:
        """Change the sender's password, proven by the current one."""
        username = _user(request)
        change = await self._set_password(username, request.json["password"], new_name=False)
        await self._record(request, "password-changed", account=username)
        return json_response({"username": username, "status": change.value})

    async def _record(self, request: Request, what: str, **details: Any) -> None:
        await self._audit.record(AuditEvent(what, principal_of(request), request.client, details=details))

    async def _set_password(self, username: str, password: str, *, new_name: bool = True) -> Change:
        return await self._change(lambda users, files: users.set_password(files, username, password, new_name=new_name))

    async def _change(self, work: Callable[[Users, Files], _Result]) -> _Result:
        """Change the accounts as all machines know them, durably."""
        users = self._users
        try:
            async with self._storage.lease("accounts") as lease, self._storage.writing(lease) as files:
                return await asyncio.to_thread(work, users, files)
        except InvalidAccountError as error:
            raise HttpError(422, str(error)) from error
        except NotDurableError as error:
            error.message += " It may or may not hold. Try again."
            raise


def create_accounts(settings: ServerSettings, storage: Storage) -> AccountRoutes:
    """Return the account API for a server that has no index, over the storage of the accounts."""
    endings: dict[str, AccountEnding] = {
        "tokens": TokenChanges(storage, lambda: None).revoke,
        "publishers": publisher_endings(storage).remove_of,
    }
    return AccountRoutes(settings, Authenticator(settings, storage), storage, AuditTrail(storage), endings)


def _activities(principal: Principal) -> list[str]:
    """Return the activities that a principal may do on any project, in the words of ``--authenticate``."""
    publishes = any(principal.may(right) for right in (Right.PUBLISH, Right.CREATE, Right.MANAGE))
    reads = principal.may(Right.READ)
    allowed = {Activity.DOWNLOAD: reads, Activity.LIST: reads, Activity.UPDATE: publishes}
    return [activity.value for activity, allows in allowed.items() if allows]


def _user(request: Request) -> str:
    assert request.username is not None, "the route table asks for an account"  # noqa: S101 - for the type checker
    return request.username
