"""Accounts in an htpasswd file on this machine."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from publisher.cli.run.admin.local_audit import record_here
from publisher.errors import ConfigurationError, PublishError
from publisher.secret import Secret
from publisher.server.auth.access.changes import InvalidRoleError, RoleChanges
from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.errors import AuthError
from publisher.server.auth.htpasswd import Change, InvalidAccountError, Users, create_file
from publisher.server.auth.oidc.endings import publisher_endings
from publisher.server.auth.tokens.changes import TokenChanges
from publisher.server.storage.base import Files
from publisher.server.storage.errors import StorageError
from publisher.server.storage.folder import FolderStorage

_Result = TypeVar("_Result")


class HtpasswdAccounts:
    """The accounts in one htpasswd file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._users = Users(path)
        self._storage = FolderStorage(path.absolute().parent, mode=0o600)

    def add(self, username: str, password: Secret) -> str:
        """Create an account or change its password, and return which."""
        try:
            create_file(self._path)
            return self._added(username, lambda files: self._users.set_password(files, username, password.reveal()))
        except InvalidAccountError as error:
            raise ConfigurationError(str(error)) from error

    def add_service(self, username: str) -> str:
        """Create a service account, and return whether it is new."""
        try:
            create_file(self._path)
            return self._added(username, lambda files: self._users.add_service(files, username))
        except InvalidAccountError as error:
            raise ConfigurationError(str(error)) from error

    def _added(self, username: str, work: Callable[[Files], Change]) -> str:
        """Add an account; a new one has no tokens, even if another one of that name was removed by other means."""
        change = self._change(work)
        try:
            asyncio.run(self._after_adding(username, change))
        except StorageError as error:
            raise self._unusable(error) from error
        return change.value

    async def _after_adding(self, username: str, change: Change) -> None:
        if change is Change.CREATED:
            await TokenChanges(self._storage, lambda: None).revoke(username)
            await publisher_endings(self._storage).remove_of(username)
        if change is not Change.UNCHANGED:
            await record_here(self._storage, f"account-{change.value}", account=username)

    def remove(self, username: str) -> Mapping[str, Sequence[str]]:
        """Remove an account with its tokens, roles and publishers, and return these; raise PublishError without one."""
        if username not in self.names() or not self._change(lambda files: self._users.remove(files, username)):
            raise PublishError(
                f"Unknown user {username} in {self._path}.",
                hint=f"`pypi-publish users list --htpasswd {self._path}` shows the names.",
            )
        try:
            return asyncio.run(self._end(username))
        except (AuthError, StorageError, InvalidRoleError) as error:
            raise PublishError(
                f"Removed {username}, but not all of its tokens, roles and publishers: {error}",
                hint="Remove them before you give that name to another account.",
            ) from error

    async def _end(self, username: str) -> Mapping[str, Sequence[str]]:
        """End everything of an account that is kept beside it, as an index does."""
        access = AccessControl(self._storage, self._path, ())
        await access.bring_up_to_date()
        ended = {
            "publishers": await publisher_endings(self._storage).remove_of(username),
            "tokens": list(await TokenChanges(self._storage, lambda: None).revoke(username)),
            "roles": list(await RoleChanges(self._storage, access).remove_account(username)),
        }
        await record_here(self._storage, "account-removed", account=username, **ended)
        return ended

    def names(self) -> list[str]:
        """Return the names of all accounts."""
        try:
            return self._users.names(self._storage.files())
        except StorageError as error:
            raise self._unusable(error) from error

    def _change(self, work: Callable[[Files], _Result]) -> _Result:
        """Change the accounts as an index does that may use the same file just now."""

        async def change() -> _Result:
            async with self._storage.lease("accounts") as lease, self._storage.writing(lease) as files:
                return work(files)

        try:
            return asyncio.run(change())
        except StorageError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: StorageError) -> Exception:
        return ConfigurationError(f"The htpasswd file {self._path} can't be used: {error.message}")
