"""The account API: registering, listing and removing users, and changing one's own password."""

from collections.abc import Mapping
from typing import Any

from publisher.server.auth import Authenticator, require_admin
from publisher.server.http import HttpError, Request, Response, json_response
from publisher.server.refresh import Refresher
from publisher.server.settings import ServerSettings
from publisher.server.store import Store, storage_error
from publisher.server.users import Change, InvalidAccountError, Users


class Accounts:
    """Answers ``/register``, ``/users``, ``/users/NAME``, ``/whoami`` and ``/password``; every change is committed first."""

    def __init__(
        self, settings: ServerSettings, authenticator: Authenticator, refresher: Refresher, store: Store
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._refresher = refresher
        self._store = store

    @property
    def _users(self) -> Users:
        users = self._authenticator.users
        if users is None:
            raise HttpError(404, "This index has no accounts: it was started without an htpasswd file.")
        return users

    async def register(self, request: Request) -> Response:
        """Create a user or change a password: 201 for a new one, 200 for a change or a repeat."""
        require_admin(request, self._settings)
        found = await request.json_object()
        username, password = _text(found, "username"), _text(found, "password")
        change = await self._set_password(username, password)
        status = 201 if change is Change.CREATED else 200
        return json_response({"username": username, "status": change.value}, status)

    async def list(self, request: Request) -> Response:
        """Name all users."""
        require_admin(request, self._settings)
        users = self._users
        return json_response({"users": await self._store.in_thread(users.names)})

    async def remove(self, request: Request, username: str) -> Response:
        """Remove a user; 404 when there is none of that name."""
        require_admin(request, self._settings)
        users = self._users
        try:
            async with self._refresher.looking():
                removed = await self._store.in_thread(lambda: users.remove(username))
        except OSError as error:
            raise storage_error(error) from error
        if not removed:
            raise HttpError(404, f"There is no user {username}.")
        await self._commit()
        return json_response({"username": username, "status": "removed"})

    async def whoami(self, request: Request) -> Response:
        """Tell a user's name and rights."""
        from publisher import __version__  # noqa: PLC0415 - only the number

        username = await self._authenticator.require_user(request)
        rights = [right.value for right in self._authenticator.rights(username)]
        return json_response({"username": username, "rights": rights, "index": "pypi-publish", "version": __version__})

    async def change_password(self, request: Request) -> Response:
        """Change the password of the user who asks, proven by the one in use."""
        username = await self._authenticator.require_user(request)
        change = await self._set_password(username, _text(await request.json_object(), "password"), new_name=False)
        return json_response({"username": username, "status": change.value})

    async def _set_password(self, username: str, password: str, *, new_name: bool = True) -> Change:
        users = self._users
        await self._refresher.on_miss()  # what other containers registered is kept
        try:
            async with self._refresher.looking():
                change = await self._store.in_thread(lambda: users.set_password(username, password, new_name=new_name))
        except InvalidAccountError as error:
            raise HttpError(422, str(error)) from error
        except OSError as error:
            raise storage_error(error) from error
        await self._commit()
        return change

    async def _commit(self) -> None:
        try:
            await self._refresher.commit()
        except Exception as error:
            raise HttpError(503, "The index could not make the change durable. Try again.") from error


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise HttpError(422, f"The JSON object needs the key {key!r} with a text.")
    return value
