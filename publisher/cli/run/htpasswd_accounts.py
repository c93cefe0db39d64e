"""Accounts in an htpasswd file on this machine."""

from pathlib import Path

from publisher.errors import ConfigurationError, PublishError
from publisher.secret import Secret
from publisher.server.auth.htpasswd import InvalidAccountError, Users, create_file


class HtpasswdAccounts:
    """The accounts in one htpasswd file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._users = Users(path)

    def add(self, username: str, password: Secret) -> str:
        """Create an account or change its password, and return which."""
        try:
            create_file(self._path)
            return self._users.set_password(username, password.reveal()).value
        except InvalidAccountError as error:
            raise ConfigurationError(str(error)) from error
        except OSError as error:
            raise self._unusable(error) from error

    def remove(self, username: str) -> None:
        """Remove an account; raise PublishError where there is none."""
        try:
            removed = self._path.exists() and self._users.remove(username)
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

    def _unusable(self, error: OSError) -> Exception:
        return ConfigurationError(f"The htpasswd file {self._path} can't be used: {error.strerror or error}.")
