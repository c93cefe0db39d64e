"""Accounts in an htpasswd file on this machine."""

import asyncio
from collections.abc import Callable
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

    def add(self, username: str, password: Secret) -> str:
        """Create an account or change its password, and return which."""
        try:
            create_file(self._path)
            return self._change(lambda files: self._users.set_password(files, username, password.reveal()).value)
        except InvalidAccountError as error:
            raise ConfigurationError(str(error)) from error
        except OSError as error:
            raise self._unusable(error) from error

    def remove(self, username: str) -> None:
        """Remove an account; raise PublishError where there is none."""
        try:
            removed = self._path.exists() and self._change(lambda files: self._users.remove(files, username))
        except OSError as error:
            raise self._unusable(error) from error
        if not removed:
            raise PublishError(f"There is no user {username} in {self._path}.")

    def names(self) -> list[str]:
        """Return the names of all accounts."""
        try:
            return self._users.names()
        except OSError as error:
            raise self._unusable(error) from error

    def _change(self, work: Callable[[Files], _Result]) -> _Result:
        """Change the accounts as an index does that may use the same file just now."""

        async def change() -> _Result:
            storage = FolderStorage(self._path.absolute().parent, mode=0o600)
            async with storage.lease("accounts") as lease, storage.writing(lease) as files:
                return work(files)

        try:
            return asyncio.run(change())
        except StorageError as error:
            raise ConfigurationError(f"The htpasswd file {self._path} can't be used: {error.message}") from error

    def _unusable(self, error: OSError) -> Exception:
        return ConfigurationError(f"The htpasswd file {self._path} can't be used: {error.strerror or error}.")
