"""The person's keyring: finding, storing and forgetting one index's credentials."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from publisher.errors import CredentialsError
from publisher.secret import Secret

_EMPTY = ("fail ", "null ", "chainer ", "pypi-publish ")
"""How the names of backends begin that hold nothing; the last one is our own."""

NO_BACKEND_HINT = (
    "In CI, set PYPI_PUBLISH_USERNAME and PYPI_PUBLISH_PASSWORD instead. On a headless machine, install "
    "keyrings.alt beside pypi-publish, or name a backend in PYTHON_KEYRING_BACKEND (`keyring --list-backends` "
    "shows those that are there); or keep the password in netrc: `pypi-publish config netrc --write "
    "--embed-credentials`."
)


def find(services: Sequence[str], username: str | None) -> tuple[str, Secret] | None:
    """
    Return user name and password of the first service that has an entry; None when no backend or entry is there.

    Raises CredentialsError when there is a backend and it fails: locked, refused, or named but not importable.
    """
    with _door() as keyring:
        for service in services:
            try:
                entry = keyring.get_credential(service, username)
            except keyring.errors.NoKeyringError:
                return None
            if entry is not None and entry.username and entry.password:
                return entry.username, Secret(entry.password)
    return None


def store(services: Sequence[str], username: str, password: Secret) -> str:
    """
    Put a user's password under every service, and return the name of the backend that holds it.

    Raises CredentialsError when no backend can hold it.
    """
    with _door() as keyring:
        try:
            for service in services:
                keyring.set_password(service, username, password.reveal())
        except keyring.errors.NoKeyringError:
            raise CredentialsError(
                "There is no keyring on this machine to keep the password in.", hint=NO_BACKEND_HINT
            ) from None
        chosen = keyring.get_keyring()
        for backend in getattr(chosen, "backends", [chosen]):
            if all(backend.get_password(service, username) == password.reveal() for service in services):
                return str(backend.name)
        # a chain whose backends all decline, and the null backend, take a password without a word
        raise CredentialsError(f"The keyring {chosen.name} did not keep the password.", hint=NO_BACKEND_HINT)


def forget(services: Sequence[str], username: str) -> bool:
    """
    Remove a user's password from every service; tell whether there was any.

    Raises CredentialsError when the backend fails.
    """
    found = False
    with _door() as keyring:
        for service in services:
            try:
                if keyring.get_password(service, username) is not None:
                    keyring.delete_password(service, username)
                    found = True
            except (keyring.errors.NoKeyringError, keyring.errors.PasswordDeleteError):
                continue
    return found


def holders() -> list[str]:
    """
    Return the names of the backends that can hold passwords, the preferred one first; nothing where there is none.

    Raises CredentialsError when the backend that is asked for can't be loaded.
    """
    with _door() as keyring:
        chosen = keyring.get_keyring()
        names = [str(backend.name) for backend in getattr(chosen, "backends", [chosen])]
    return [name for name in names if not name.startswith(_EMPTY)]


@contextmanager
def _door() -> Iterator[ModuleType]:
    """Import keyring, which starts its backends, and turn what a backend raises into one error."""
    import keyring  # noqa: PLC0415, TID251 - the only door to keyring, opened when it is needed
    import keyring.errors  # noqa: PLC0415, TID251

    try:
        yield keyring
    except CredentialsError:
        raise
    except Exception as error:  # backends are plug-ins: what they raise is not limited to KeyringError
        reason = str(error) or type(error).__name__
        raise CredentialsError(
            f"The keyring failed: {reason}.",
            hint="Unlock it, or set PYPI_PUBLISH_USERNAME and PYPI_PUBLISH_PASSWORD. "
            "`keyring --list-backends` shows what is installed; PYTHON_KEYRING_BACKEND names the one to use.",
        ) from error
