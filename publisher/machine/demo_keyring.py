"""A keyring in one file of a temporary folder, so that the demo never opens a person's own."""

import json
import os
from pathlib import Path
from typing import Any

from keyring.backend import KeyringBackend  # noqa: TID251 - a plug-in of keyring, loaded by keyring itself
from keyring.credentials import SimpleCredential  # noqa: TID251
from keyring.errors import PasswordDeleteError  # noqa: TID251

from publisher.files.atomic import replace_file

FILE_VARIABLE = "PYPI_PUBLISH_DEMO_KEYRING"
"""The environment variable that names the file; without it the backend is not there for keyring."""


class DemoKeyring(KeyringBackend):
    """Keeps passwords in clear in the file that `FILE_VARIABLE` names: for throw-away accounts only."""

    @property
    def name(self) -> str:
        """Name of the place that holds the password, for messages."""
        return "the demo's own keyring"

    @property
    def priority(self) -> float:
        """Above nothing: it is used when PYTHON_KEYRING_BACKEND names it."""
        if FILE_VARIABLE not in os.environ:
            raise RuntimeError(f"{FILE_VARIABLE} is not set")
        return 0.1

    def get_password(self, service: str, username: str) -> str | None:
        """Return a user's password, or None."""
        entry = self.get_credential(service, username)
        return entry.password if entry else None

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        """Return the entry of a service, that of the user where one is named."""
        for name, password in self._read().get(service, {}).items():
            if username in {None, name}:
                return SimpleCredential(name, password)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Put a password into the file."""
        entries = self._read()
        entries.setdefault(service, {})[username] = password
        self._write(entries)

    def delete_password(self, service: str, username: str) -> None:
        """Remove a password from the file; raises PasswordDeleteError if it is not there."""
        entries = self._read()
        if entries.get(service, {}).pop(username, None) is None:
            raise PasswordDeleteError("password not found")
        self._write(entries)

    def _path(self) -> Path:
        return Path(os.environ[FILE_VARIABLE])

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path().read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, entries: dict[str, Any]) -> None:
        replace_file(self._path(), json.dumps(entries).encode(), mode=0o600)
