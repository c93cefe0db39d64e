"""The account API: registering, listing and removing users, and changing one's own password."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import publisher
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import InvalidAccountError
from publisher.server.auth.htpasswd import Change, Users
from publisher.server.auth.rules import NAME_LIMIT
from publisher.server.http.messages import HttpError, Request, Response, error_response, json_response
from publisher.server.routes.failures import DOMAIN_ERRORS, http_error
from publisher.server.settings import ServerSettings
from publisher.server.storage.durability import write_failure
from publisher.server.storage.sync import VolumeSync

CREDENTIALS_INTERVAL = 15.0
"""Seconds between two reloads of a shared volume with the accounts."""

BETWEEN_RELOADS = 1.0
"""Seconds between two reloads that wrong passwords and unknown users cause: anybody can send those."""

_Result = TypeVar("_Result")


class AccountRoutes:
    """Answers ``/register``, ``/users``, ``/whoami`` and ``/password``; a change is committed before it is answered."""

    def __init__(self, settings: ServerSettings, authenticator: Authenticator, sync: VolumeSync) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._sync = sync

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
        await self._sync.on_miss()
        async with self._sync.reading():
            names = await asyncio.to_thread(users.names)
        return json_response({"users": names})

    async def remove(self, _request: Request, username: str) -> Response:
        """Remove a user; 404 when there is none of that name."""
        async with self._changing() as change:
            if not await change(lambda users: users.remove(username)):
                raise HttpError(404, f"There is no user {username[:NAME_LIMIT]}.")
        return json_response({"username": username, "status": "removed"})

    async def whoami(self, request: Request, _rest: str = "") -> Response:
        """Tell a user's name and rights."""
        username = _user(request)
        rights = [right.value for right in self._authenticator.rights(username)]
        about = {
            "index": "pypi-publish",
            "version": publisher.__version__,
            "passes-on": self._settings.fallback_url is not None or self._settings.upstream is not None,
        }
        return json_response({"username": username, "rights": rights, **about})

    async def change_password(self, request: Request, _rest: str = "") -> Response:
        """Change the password of the user who asks, proven by the one in use."""
        username = _user(request)
        change = await self._set_password(username, _text(await request.json_object(), "password"), new_name=False)
        return json_response({"username": username, "status": change.value})

    async def _set_password(self, username: str, password: str, *, new_name: bool = True) -> Change:
        async with self._changing() as change:
            return await change(lambda users: users.set_password(username, password, new_name=new_name))

    @asynccontextmanager
    async def _changing(self) -> "AsyncIterator[_Changer]":
        """Change the accounts as all machines know them; when the change can't be committed, it is taken back."""
        changer = _Changer(self._users, self._sync)
        async with self._sync.lock():
            await self._sync.on_miss()  # what other containers registered is kept
            try:
                yield changer
            except InvalidAccountError as error:
                raise HttpError(422, str(error)) from error
            except OSError as error:
                raise write_failure(error) from error
            try:
                await self._sync.commit()
            except Exception as error:
                await changer.undo()
                raise HttpError(503, "The index could not make the change durable. Try again.") from error


class _Changer:
    """Changes accounts in a thread, and can take the last change back."""

    def __init__(self, users: Users, sync: VolumeSync) -> None:
        self._users = users
        self._sync = sync
        self._before: bytes | None = None

    async def __call__(self, change: Callable[[Users], _Result]) -> _Result:
        async with self._sync.reading():
            self._before = await asyncio.to_thread(self._users.text)
            return await asyncio.to_thread(change, self._users)

    async def undo(self) -> None:
        async with self._sync.reading():
            await asyncio.to_thread(self._users.restore, self._before)


def create_accounts(settings: ServerSettings) -> AccountRoutes:
    """Return the account API for a server that has no index."""
    sync = create_credentials_sync(settings)
    return AccountRoutes(settings, Authenticator(settings, sync), sync)


def create_credentials_sync(settings: ServerSettings) -> VolumeSync:
    """Return what owns the reloading of the accounts."""
    return VolumeSync(
        settings.credentials_storage,
        patience=settings.limits.waiting_for_folder,
        interval=CREDENTIALS_INTERVAL,
        between_reloads=BETWEEN_RELOADS,
    )


def _user(request: Request) -> str:
    assert request.username is not None, "the route table asks for an account"  # noqa: S101 - for the type checker
    return request.username


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise HttpError(422, f"The JSON object needs the key {key!r} with a text.")
    return value
