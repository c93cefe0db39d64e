"""The account API: registering, listing and removing users, and changing one's own password."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import publisher
from publisher.limits import LIMITS
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import InvalidAccountError
from publisher.server.auth.htpasswd import Change, Users
from publisher.server.auth.principal import Principal, Right
from publisher.server.http.messages import HttpError, Request, Response, error_response, json_response
from publisher.server.routes.authorization import principal_of
from publisher.server.routes.failures import DOMAIN_ERRORS, http_error
from publisher.server.settings import Activity, ServerSettings
from publisher.server.storage.base import Files, Storage
from publisher.server.storage.errors import NotDurableError

_Result = TypeVar("_Result")


class AccountRoutes:
    """Answers ``/register``, ``/users``, ``/whoami`` and ``/password``; a change is committed before it is answered."""

    def __init__(self, settings: ServerSettings, authenticator: Authenticator, storage: Storage) -> None:
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
        found = await request.json_object()
        username, password = _text(found, "username"), _text(found, "password")
        change = await self._set_password(username, password)
        status = 201 if change is Change.CREATED else 200
        return json_response({"username": username, "status": change.value}, status)

    async def answer_registration(self, request: Request) -> Response:
        """Do what `register` does where no index stands around it: errors are answers too."""
        try:
            await self._authenticator.require_admin(request.headers.get(b"authorization"), request.client)
            return await self.register(request)
        except (HttpError, *DOMAIN_ERRORS) as error:
            return error_response(request, http_error(error))

    async def list(self, _request: Request, _rest: str = "") -> Response:
        """Name all users."""
        users = self._users
        await self._storage.refresh()
        async with self._storage.reading() as files:
            names = await asyncio.to_thread(users.names, files)
        return json_response({"users": names})

    async def remove(self, _request: Request, username: str) -> Response:
        """Remove a user; 404 when there is none of that name."""
        if not await self._change(lambda users, files: users.remove(files, username)):
            raise HttpError(404, f"There is no user {username[: LIMITS.account_name]}.")
        return json_response({"username": username, "status": "removed"})

    async def whoami(self, request: Request, _rest: str = "") -> Response:
        """Tell a user's name and rights."""
        principal = principal_of(request)
        grants = [{"rights": sorted(grant.rights), "projects": grant.pattern} for grant in principal.grants]
        about: dict[str, Any] = {
            "index": "pypi-publish",
            "version": publisher.__version__,
            "passes-on": self._settings.passes_on,
        }
        if self._settings.upstream is not None:
            about["cooldown"] = self._settings.upstream.cooldown
        return json_response({"username": principal.name, "rights": _activities(principal), "grants": grants, **about})

    async def change_password(self, request: Request, _rest: str = "") -> Response:
        """Change the password of the user who asks, proven by the one in use."""
        username = _user(request)
        change = await self._set_password(username, _text(await request.json_object(), "password"), new_name=False)
        return json_response({"username": username, "status": change.value})

    async def set_own_password(self, username: str, password: str) -> None:
        """Change the password of a user who has just proven the one in use; raise HttpError 422 for a bad one."""
        await self._set_password(username, password, new_name=False)

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
    return AccountRoutes(settings, Authenticator(settings, storage), storage)


def _activities(principal: Principal) -> list[str]:
    """Return what a principal may do on any project, in the words of ``--authenticate``, which every client knows."""
    publishes = any(principal.may(right) for right in (Right.PUBLISH, Right.CREATE, Right.MANAGE))
    reads = principal.may(Right.READ)
    allowed = {Activity.DOWNLOAD: reads, Activity.LIST: reads, Activity.UPDATE: publishes}
    return [activity.value for activity, allows in allowed.items() if allows]


def _user(request: Request) -> str:
    assert request.username is not None, "the route table asks for an account"  # noqa: S101 - for the type checker
    return request.username


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise HttpError(422, f"The JSON object needs the key {key!r} with a text.")
    return value
