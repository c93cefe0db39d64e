"""The accounts of an index: an htpasswd file, read again as soon as it changes and rewritten all at once."""

import enum
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from publisher.errors import ConfigurationError
from publisher.files.atomic import replace_file
from publisher.project.display import has_control_characters

if TYPE_CHECKING:
    from passlib.apache import HtpasswdFile  # noqa: TID251 - the only door to passlib

NAME_LIMIT = 128
"""Characters that a user's name may have."""

PASSWORD_LIMIT = 72
"""Bytes that bcrypt looks at; what comes after them would not count, so longer passwords are refused."""

PASSWORD_MINIMUM = 8
"""Characters that a new password must have."""

Stamp = tuple[int, int, int]
"""What changes when a file changes: its inode, size in bytes and modification time in nanoseconds."""


_Result = TypeVar("_Result")


class Change(enum.StrEnum):
    """What setting a password did."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class InvalidAccountError(ValueError):
    """A name or password that no account may have; the text says why."""


class Users:
    """
    The accounts in one htpasswd file; entries of every kind that passlib reads are kept and work, new ones are bcrypt.

    Every method may block for the time of a password hash (a quarter of a second): call them in a thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = os.fspath(path)
        self._stamp: Stamp | None = None
        self._loaded: HtpasswdFile | None = None

    def stamp(self) -> Stamp | None:
        """Return what changes when the file changes, None while there is no file; costs one look at the directory."""
        try:
            found = os.stat(self._name)  # noqa: PTH116 - the hot path
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def verify(self, username: str, password: str) -> bool:
        """Tell whether a password is the user's; takes as long for an unknown user as for a known one."""
        users = self._load()
        right = _check(users, username, password)
        if not right and not self._costs_bcrypt(users, username):
            users.context.dummy_verify()
        return bool(right)

    @staticmethod
    def _costs_bcrypt(users: "HtpasswdFile", username: str) -> bool:
        """Tell whether verifying took a bcrypt hash; unknown users and quick old hashes get a made-up one on top."""
        try:
            known = users.get_hash(username)
        except ValueError:
            known = None  # a name that no account can have
        return known is not None and users.context.identify(known) == "bcrypt"

    def names(self) -> list[str]:
        """Return the names of all users, sorted."""
        return sorted(self._load().users())

    def set_password(self, username: str, password: str, *, new_name: bool = True) -> Change:
        """
        Create an account or change its password; an existing name is not checked where none may be new.

        Raises InvalidAccountError when name or password break the rules, OSError when the file can't be written.
        """
        if new_name:
            check_name(username)
        check_password(password)

        def change(users: "HtpasswdFile") -> Change:
            known = username in users.users()
            if known and _check(users, username, password):
                return Change.UNCHANGED
            users.set_password(username, password)
            return Change.CHANGED if known else Change.CREATED

        return self._change(change)

    def remove(self, username: str) -> bool:
        """Remove an account; tell whether there was one."""
        return self._change(lambda users: bool(users.delete(username)))

    def text(self) -> bytes | None:
        """Return what the file holds, None while there is no file."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def restore(self, text: bytes | None) -> None:
        """Put back what `text` returned."""
        with self._alone():
            if text is None:
                self._path.unlink(missing_ok=True)
            else:
                self._write(text)

    def _load(self) -> "HtpasswdFile":
        stamp = self.stamp()
        if self._loaded is None or stamp != self._stamp:
            self._loaded = _open(self._path if stamp else None)
            self._stamp = stamp
        return self._loaded

    def _change(self, change: Callable[["HtpasswdFile"], _Result]) -> _Result:
        """Apply a change to what the file holds now, and replace the file in one step if anything changed."""
        with self._alone():
            # a copy of its own: what can't be written must not be in use
            users = _open(self._path if self._path.exists() else None)
            before = users.to_string()
            result = change(users)
            if users.to_string() != before:
                self._write(users.to_string())
            return result

    def _write(self, text: bytes) -> None:
        replace_file(self._path, text, mode=None if self._path.exists() else 0o600, durable=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes of this machine from changing the file meanwhile."""
        from filelock import FileLock  # noqa: PLC0415, TID251 - only when the file is changed

        with FileLock(f"{self._path}.lock", timeout=30):
            yield


def check_name(username: str) -> None:
    """Return when a name may be given to a new account; raise InvalidAccountError otherwise."""
    if not username or len(username) > NAME_LIMIT:
        raise InvalidAccountError(f"The username must have 1 to {NAME_LIMIT} characters.")
    if ":" in username:
        raise InvalidAccountError("The username must not contain ':', which ends the name in HTTP's Basic credentials.")
    if username != username.strip() or _is_unsafe(username):
        raise InvalidAccountError(
            "The username must not contain control characters, nor begin or end with white space."
        )
    if username.startswith(("#", "__token__")):
        raise InvalidAccountError("The username must not begin with '#' or be '__token__'.")


def check_password(password: str) -> None:
    """Return when a password may be given to an account; raise InvalidAccountError otherwise."""
    if len(password) < PASSWORD_MINIMUM:
        raise InvalidAccountError(f"The password must have at least {PASSWORD_MINIMUM} characters.")
    if len(password.encode("utf-8", "surrogatepass")) > PASSWORD_LIMIT:
        raise InvalidAccountError(
            f"The password must have at most {PASSWORD_LIMIT} bytes in UTF-8: bcrypt ignores the rest."
        )
    if _is_unsafe(password):
        raise InvalidAccountError("The password must not contain control characters.")


def create_file(path: Path) -> None:
    """
    Make an htpasswd file without accounts, readable by its owner alone, unless there is one.

    Raises ConfigurationError when it can't be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigurationError(f"The htpasswd file {path} can't be made: {error.strerror or error}.") from error


def _open(path: Path | None) -> "HtpasswdFile":
    from passlib.apache import HtpasswdFile, htpasswd_context  # noqa: PLC0415, TID251 - the only door to passlib

    context: Any = htpasswd_context.copy(default="bcrypt", bcrypt__rounds=12)
    return HtpasswdFile(str(path) if path else None, context=context, encoding="utf-8", new=path is None)


def _check(users: "HtpasswdFile", username: str, password: str) -> bool | None:
    """Tell whether a password is the user's; None for no such user, or an entry or password of no known kind."""
    try:
        right: bool | None = users.check_password(username, password)
    except (ValueError, TypeError):
        return None
    return right


def _is_unsafe(text: str) -> bool:
    """Tell whether a text has characters that no line of the file may have, or no UTF-8."""
    return has_control_characters(text) or any("\ud800" <= character <= "\udfff" for character in text)
