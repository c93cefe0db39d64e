"""The htpasswd file of an index: read again as soon as it changes, and rewritten all at once."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, TypeVar

from publisher.errors import ConfigurationError
from publisher.limits import LIMITS
from publisher.server.auth import hashes
from publisher.server.auth.account_table import SERVICE, AccountTable, parse, with_entry
from publisher.server.auth.errors import AccountsUnavailableError, InvalidAccountError
from publisher.server.auth.rewriting import rewrite
from publisher.server.auth.rules import check_name, check_password
from publisher.server.storage.base import Files
from publisher.server.storage.errors import AbsentError, ChangedError, StorageError
from publisher.server.storage.folder import FolderStorage

SETTLED_AFTER = 0.3
"""Seconds that a changed file must stay unchanged before a mismatch proves a wrong password: others rewrite it."""

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class Change(StrEnum):
    """The outcome of setting a password."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class LoadedAccounts(NamedTuple):
    """The accounts of a file, its version, and the time (`time.time`) from which on it can be relied upon."""

    table: AccountTable
    version: str | None
    settled_at: float
    doubtful: str | None = None
    """Reason why a mismatch doesn't prove a wrong password; None if it does."""


class Users:
    """
    The accounts in one htpasswd file; entries that Apache and pypiserver verify work, new ones are bcrypt.

    The file is ``key`` in a storage, whose files each method is given; its path is for the log alone.
    `set_password` blocks for the time of a hash (a quarter of a second): call it in a thread.
    """

    def __init__(self, path: Path, *, allow_plaintext: bool = False, starts_without: bool = False) -> None:
        self.key = path.name
        self._path = path
        self._allow_plaintext = allow_plaintext
        self._starts_without = starts_without
        """Whether the first account makes the file, as on a new volume; else a missing file is a lost one."""
        self._loaded: LoadedAccounts | None = None
        self._had_accounts = False
        self._warned: str | None = None

    def load(self, files: Files) -> LoadedAccounts:
        """Return the accounts as the file has them now; raise AccountsUnavailableError when it can't be read."""
        loaded = self._loaded
        try:
            found = files.stat(self.key)
            if loaded is not None and loaded.version == found.version:
                return loaded
            text = files.read(self.key, 0, LIMITS.accounts_file + 1)
        except AbsentError:
            if self._starts_without and not self._had_accounts:
                return LoadedAccounts(parse(b""), None, 0.0)
            self._warn_once("is missing")
            raise AccountsUnavailableError(
                "The index's accounts file is missing; ask its administrator to restore it."
            ) from None
        except StorageError as error:
            self._warn_once(f"can't be used: {error.message}")
            raise AccountsUnavailableError from error
        if len(text) > LIMITS.accounts_file:
            self._warn_once(f"can't be used: it is larger than {LIMITS.accounts_file} bytes")
            raise AccountsUnavailableError
        table = parse(text, allow_plaintext=self._allow_plaintext)
        doubtful = None
        if not text.strip() and self._had_accounts:
            doubtful = "is suddenly empty"
        elif not table.complete:
            doubtful = "ends in the middle of a line"
        self._had_accounts = self._had_accounts or bool(table.entries)
        changed_at = found.modified_ns / 1e9 if loaded is None else time.time()
        self._loaded = LoadedAccounts(table, found.version, changed_at + SETTLED_AFTER, doubtful)
        self._report(self._loaded)
        return self._loaded

    def forget(self) -> None:
        """Have the file read again at the next use."""
        self._loaded = None

    def names(self, files: Files) -> list[str]:
        """Return the names of all users, sorted; none without a file. Raises StorageError."""
        try:
            return sorted(parse(files.read(self.key)).entries)
        except AbsentError:
            return []

    def set_password(self, files: Files, username: str, password: str, *, new_name: bool = True) -> Change:
        """
        Create an account or change its password; ``new_name=False`` skips the check of the name.

        Raises InvalidAccountError when name or password break the rules, StorageError when the file can't be written.
        """
        if new_name:
            check_name(username)
        check_password(password)

        def change(text: bytes) -> tuple[bytes, Change]:
            table = parse(text)
            entry = table.entry(username)
            if username in table.services:
                raise InvalidAccountError(f"{username} is a service account, which has tokens and no password.")
            if entry is not None and hashes.verify(entry.text, entry.scheme, password):
                return text, Change.UNCHANGED
            changed = with_entry(text, username, hashes.make(password))
            return changed, Change.CHANGED if username in table.entries else Change.CREATED

        return self._change(files, change)

    def add_service(self, files: Files, username: str) -> Change:
        """
        Create a service account, which has tokens and no password.

        Raises InvalidAccountError when the name breaks the rules, or belongs to an account with a password.
        """
        check_name(username)

        def change(text: bytes) -> tuple[bytes, Change]:
            entry = parse(text).entries.get(username)
            if entry is None:
                return with_entry(text, username, SERVICE), Change.CREATED
            if entry.text != SERVICE:
                raise InvalidAccountError(f"{username} is an account with a password: choose another name.")
            return text, Change.UNCHANGED

        return self._change(files, change)

    def services(self, files: Files) -> list[str]:
        """Return the names of the service accounts, sorted. Raises StorageError."""
        try:
            return parse(files.read(self.key)).services
        except AbsentError:
            return []

    def remove(self, files: Files, username: str) -> bool:
        """Remove an account; return whether there was one."""

        def change(text: bytes) -> tuple[bytes, bool]:
            if username not in parse(text).entries:
                return text, False
            return with_entry(text, username, None), True

        return self._change(files, change)

    def _change(self, files: Files, change: Callable[[bytes], tuple[bytes, _Result]]) -> _Result:
        """Apply a change to the current file, and replace it in one step if anything changed."""

        def rewritten(before: bytes | None) -> tuple[bytes | None, _Result]:
            text = before or b""
            after, result = change(text)
            return None if after == text else after, result

        return rewrite(files, self.key, rewritten)

    def _report(self, loaded: LoadedAccounts) -> None:
        """Log problems that an admin has to repair; no line of the file is shown."""
        entries = loaded.table.entries.values()
        locked = sum(entry.scheme is hashes.Scheme.LOCKED and entry.text != SERVICE for entry in entries)
        weak = sum(entry.scheme in hashes.WEAK for entry in loaded.table.entries.values())
        for number, text in (
            (
                locked,
                "accounts are locked: their hashes are of an unsupported kind or cost (new ones are bcrypt)",
            ),
            (weak, "accounts have weak hashes ({SHA}, DES crypt or clear text): set their passwords again"),
            (len(loaded.table.bad_lines), f"invalid lines are ignored: {loaded.table.bad_lines[:5]}"),
        ):
            if number:
                _log.warning("%s: %d %s", self._path, number, text)
        self._warn_once(loaded.doubtful)

    def _warn_once(self, trouble: str | None) -> None:
        if trouble and trouble != self._warned:
            _log.warning("the htpasswd file %s %s", self._path, trouble)
        self._warned = trouble


def create_file(path: Path) -> None:
    """
    Make an htpasswd file without accounts, readable by its owner alone, unless there is one.

    Raises ConfigurationError when it can't be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files = FolderStorage(path.absolute().parent, mode=0o600).files()
        try:
            files.stat(path.name)  # which may be on a disk that can only be read
        except AbsentError:
            with suppress(ChangedError):
                files.replace(path.name, b"", None)
    except OSError as error:
        raise ConfigurationError(f"The htpasswd file {path} can't be created: {error.strerror or error}.") from error
    except StorageError as error:
        raise ConfigurationError(f"The htpasswd file {path} can't be created: {error.message}") from error


__all__ = ["Change", "InvalidAccountError", "LoadedAccounts", "Users", "create_file"]
