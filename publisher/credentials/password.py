"""Changing one's own password on the index and in keyring; a working one is known at every moment."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from publisher.client.client import IndexClient
from publisher.client.url import IndexUrl
from publisher.credentials import keyring, remembered
from publisher.credentials.chain import Target, find_credentials
from publisher.credentials.login import prove
from publisher.errors import CredentialsError, IndexUnavailableError, NotOfferedError, PublishError
from publisher.secret import FROM_OPTIONS, Credentials, Secret


class PasswordChange(NamedTuple):
    """A password that was changed: whose, the keyring that has the new one, and the places that have the old one."""

    username: str
    keyring: str | None
    outdated: Sequence[str]


def change_password(
    target: Target, choose: Callable[[str], Secret], files: Callable[[IndexUrl], Iterable[Path]], *, keep: bool = True
) -> PasswordChange:
    """
    Change a person's password on an index and, unless ``keep`` is false, in keyring.

    ``choose`` is called with the user's name, after the index has accepted the password in use. Keyring has to take
    that one, which changes nothing, before the index is asked for the change: so a keyring that can't hold a password
    is found out while the old one still works.

    Raises CredentialsError when the index refuses the password in use or keyring fails, ConfigurationError when the new
    one breaks the index's rules, IndexUnavailableError when the index fails; the message says which password is valid.
    """
    credentials = find_credentials(target)
    index = target.url
    prove(index, credentials)
    new = choose(credentials.username)
    if not keep:
        _change_on_index(index, credentials, new)
        return PasswordChange(credentials.username, None, [*_outdated(credentials, index, None, files)])
    with _proven_keyring(index, credentials):
        _change_on_index(index, credentials, new)
    try:
        holder = keyring.store(index.keyring_services, credentials.username, new)
    except CredentialsError as error:
        raise CredentialsError(
            f"{index} has the new password, but it is not in keyring. {error.message}",
            hint="The old password no longer works. Run `pypi-publish login` with the new one.",
        ) from error
    remembered.remember_username(index.root, credentials.username)
    return PasswordChange(credentials.username, holder, [*_outdated(credentials, index, holder, files)])


@contextmanager
def _proven_keyring(url: IndexUrl, credentials: Credentials) -> Iterator[None]:
    """Have keyring hold the password in use; when the body fails, restore the former one."""
    services, username = url.keyring_services, credentials.username
    was_there = keyring.find(services, username) is not None
    keyring.store(services, username, credentials.password)
    try:
        yield
    except PublishError:
        if not was_there:
            keyring.forget(services, username)
        raise


def _change_on_index(url: IndexUrl, credentials: Credentials, new: Secret) -> None:
    try:
        with closing(IndexClient(url, credentials)) as connection:
            connection.change_password(new)
    except NotOfferedError:
        raise
    except IndexUnavailableError:
        # the answer may have been lost on its way back, after the change
        if not _accepts(url, Credentials(credentials.username, new, "the change")):
            raise


def _accepts(url: IndexUrl, credentials: Credentials) -> bool:
    try:
        prove(url, credentials)
    except CredentialsError:
        return False
    except IndexUnavailableError as error:
        raise IndexUnavailableError(
            f"The password may or may not have changed. {error.message}",
            hint="When the index answers again, run `pypi-publish whoami`: if it refuses the old password, the new one "
            "is valid, and `pypi-publish login` stores it.",
        ) from error
    return True


def _outdated(
    credentials: Credentials, url: IndexUrl, keyring: str | None, files: Callable[[IndexUrl], Iterable[Path]]
) -> Iterator[str]:
    """Name the places that still have the old password, given the keyring that has the new one."""
    if credentials.source == FROM_OPTIONS:
        yield "PYPI_PUBLISH_PASSWORD, or wherever it was taken from"
    if credentials.source == "keyring" and keyring is None:
        yield "keyring"
    for path in files(url):
        yield str(path)
