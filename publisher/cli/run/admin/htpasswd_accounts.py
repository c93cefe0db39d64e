"""Accounts in an htpasswd file on this machine."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from publisher.errors import ConfigurationError, PublishError
from publisher.secret import Secret
from publisher.server.auth.htpasswd import InvalidAccountError, Users, create_file
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
            return self._change(lambda files: self._users.set_password(files, username, password.reveal()).value)
        except InvalidAccountError as error:
            raise ConfigurationError(str(error)) from error

    def add_service(self, username: str) -> str:
        """Create a service account, and return whether it is new."""
        try:
            create_file(self._path)
            return self._change(lambda files: self._users.add_service(files, username).value)
        except InvalidAccountError as error:
            raise ConfigurationError(str(error)) from error

    def remove(self, username: str) -> Mapping[str, Sequence[str]]:
        """Remove an account; raise PublishError where there is none."""
        if username not in self.names() or not self._change(lambda files: self._users.remove(files, username)):
            raise PublishError(f"There is no user {username} in {self._path}.")
        return {}  # tokens end with their account; a running index reports them

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
