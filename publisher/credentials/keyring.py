"""The person's keyring: finding, storing and forgetting one index's credentials."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from threading import Lock
from types import ModuleType
from typing import TypeVar

from publisher.credentials.patience import call_patiently
from publisher.errors import CredentialsError
from publisher.secret import Secret

_EMPTY = ("fail ", "null ", "chainer ", "pypi-publish ")
"""Prefixes of backends that hold nothing; the last one is our own."""

_PLAIN_TEXT = ("plaintext", "the demo's own")
"""Parts of the names of backends that keep passwords unencrypted."""

NO_BACKEND_HINT = (
    "Without a desktop, keep the password in netrc: `pypi-publish config netrc --write --embed-credentials --username "
    "NAME`. In CI, set PYPI_PUBLISH_USERNAME and PYPI_PUBLISH_PASSWORD instead. Or install keyrings.alt into the "
    "environment of pypi-publish, or name a backend in PYTHON_KEYRING_BACKEND (`keyring --list-backends` lists the "
    "installed ones)."
)
_BROKEN_HINT = (
    "Unlock it, or set PYPI_PUBLISH_USERNAME and PYPI_PUBLISH_PASSWORD. `keyring --list-backends` lists the installed "
    "backends; PYTHON_KEYRING_BACKEND names the one to use."
)

_alone = Lock()
"""Held during a call: standard output is the whole process's."""

Result = TypeVar("Result")


def find(services: Sequence[str], username: str | None) -> tuple[str, Secret] | None:
    """
    Return user name and password of the first service that has an entry; None when no backend or entry is there.

    Raises CredentialsError when there is a backend and it fails: locked, refused, or named but not importable.
    """

    def look(keyring: ModuleType) -> tuple[str, Secret] | None:
        for service in services:
            try:
                entry = keyring.get_credential(service, username)
            except keyring.errors.NoKeyringError:
                return None
            if entry is not None and entry.username and entry.password:
                return entry.username, Secret(entry.password)
        return None

    return _ask(look)


def store(services: Sequence[str], username: str, password: Secret) -> str:
    """
    Put a user's password under every service, and return the name of the backend that holds it.

    Raises CredentialsError when no backend can hold it.
    """

    def put(keyring: ModuleType) -> str:
        try:
            for service in services:
                keyring.set_password(service, username, password.reveal())
        except keyring.errors.NoKeyringError:
            raise CredentialsError("No keyring on this machine can save the password.", hint=NO_BACKEND_HINT) from None
        chosen = keyring.get_keyring()
        for backend in getattr(chosen, "backends", [chosen]):
            if all(backend.get_password(service, username) == password.reveal() for service in services):
                return str(backend.name)
        # the null backend, and a chain whose backends all decline, silently drop a password
        raise CredentialsError(f"The keyring {chosen.name} did not save the password.", hint=NO_BACKEND_HINT)

    return _ask(put)


def forget(services: Sequence[str], username: str) -> bool:
    """
    Remove a user's password from every service; return whether there was any.

    Raises CredentialsError when the backend fails.
    """

    def remove(keyring: ModuleType) -> bool:
        found = False
        for service in services:
            try:
                if keyring.get_password(service, username) is not None:
                    keyring.delete_password(service, username)
                    found = True
            except (keyring.errors.NoKeyringError, keyring.errors.PasswordDeleteError):
                continue
        return found

    return _ask(remove)


def holders() -> list[str]:
    """
    Return the names of the backends that can save passwords, the preferred one first.

    Raises CredentialsError when the backend that is asked for can't be loaded.
    """

    def look(keyring: ModuleType) -> list[str]:
        chosen = keyring.get_keyring()
        return [str(backend.name) for backend in getattr(chosen, "backends", [chosen])]

    return [name for name in _ask(look) if not name.startswith(_EMPTY)]


def require_holder() -> None:
    """Return when some backend can save a password; raise CredentialsError before anybody types one in vain."""
    if not holders():
        raise CredentialsError("No keyring on this machine can save the password.", hint=NO_BACKEND_HINT)


def keeps_plain_text(holder: str) -> bool:
    """Return whether the backend of that name keeps passwords unencrypted."""
    return any(sign in holder.lower() for sign in _PLAIN_TEXT)


def _ask(work: Callable[[ModuleType], Result]) -> Result:
    """Do something with keyring, whose backends may wait, print and raise whatever they like."""
    with _alone, _stdout_kept_clean():
        try:
            keyring = call_patiently(_load, "keyring to start", "keyring does not start.", _BROKEN_HINT)
            if keyring.get_keyring().name.startswith(_EMPTY):
                return work(keyring)  # nothing to unlock
            return call_patiently(
                lambda: work(keyring),
                "the keyring, which may have to be unlocked",
                "The keyring does not answer; it may be locked.",
                _BROKEN_HINT,
            )
        except (CredentialsError, KeyboardInterrupt):
            raise
        except BaseException as error:  # backends are plug-ins, and may raise anything
            reason = str(error) or type(error).__name__
            raise CredentialsError(f"The keyring failed: {reason}.", hint=_BROKEN_HINT) from error


def _load() -> ModuleType:
    """Import keyring, and have it choose its backend."""
    import keyring  # noqa: PLC0415, TID251 - a door to keyring, opened when it is needed
    import keyring.errors  # noqa: PLC0415, TID251

    keyring.get_keyring()
    return keyring


@contextmanager
def _stdout_kept_clean() -> Iterator[None]:
    """Send output of backends and their programs to stderr: stdout is for results that programs read."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # a stream is closed
        kept = None
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)
