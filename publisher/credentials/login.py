"""Logging in and out, and the current account."""

from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from publisher.client.access import AccessClient, AccessHints
from publisher.client.client import IndexClient
from publisher.client.http import BasicAuth
from publisher.client.models import Account
from publisher.client.url import IndexUrl
from publisher.credentials import keyring, remembered
from publisher.credentials.chain import Target, find_credentials
from publisher.secret import Credentials

Exchange = Callable[[Credentials], Credentials]
"""Returns the credentials to store instead of verified ones: a token."""


_NO_SESSIONS = "Run `pypi-publish logout` without --everywhere: no browser can be signed in there."


class Login(NamedTuple):
    """A successful login: the account, and the name of the keyring that holds the password."""

    account: Account
    keyring: str


def prove(url: IndexUrl, credentials: Credentials) -> Account:
    """
    Return the account that the index recognizes by credentials.

    Raises CredentialsError when it refuses them, IndexUnavailableError when it does not answer.
    """
    with closing(IndexClient(url, credentials)) as connection:
        return connection.whoami()


def log_in(url: IndexUrl, credentials: Credentials, exchange: Exchange | None = None) -> Login:
    """
    Verify credentials with an index and store them, or the token they are exchanged for, in keyring.

    Raises CredentialsError when the index refuses them or no keyring can hold them, IndexUnavailableError when the
    index does not answer.
    """
    account = prove(url, credentials)
    kept = credentials if exchange is None else exchange(credentials)
    holder = keyring.store(url.keyring_services, kept.username, kept.password)
    if kept.username != credentials.username:  # of an earlier login
        keyring.forget(url.keyring_services, credentials.username)
    remembered.remember_username(url.root, kept.username)
    return Login(account, holder)


def log_out(url: IndexUrl, username: str | None) -> str | None:
    """
    Remove a user's password from keyring and return the user's name; None where there is no password.

    Raises CredentialsError when the keyring fails.
    """
    if username is None:
        found = keyring.find(url.keyring_services, remembered.remembered_username(url.root))
        username = found[0] if found else None
    forgotten = username is not None and keyring.forget(url.keyring_services, username)
    remembered.forget_username(url.root)
    return username if forgotten else None


def end_sessions(target: Target) -> str:
    """
    Sign an account out of the index's pages in all browsers, and return the account's name.

    Raises CredentialsError for a missing or refused password, NotOfferedError for an index without sign-in pages, and
    IndexUnavailableError if it does not answer.
    """
    credentials = find_credentials(target)
    hints = AccessHints(refused="Pass --username NAME: sessions need your password.", not_offered=_NO_SESSIONS)
    auth = BasicAuth(credentials.username, credentials.password)
    with closing(AccessClient(target.url, auth, hints)) as connection:
        return str(connection.ask("DELETE", "-/sessions")["username"])


def who_am_i(target: Target) -> tuple[Account, str]:
    """
    Return the account that the index recognizes by the found credentials, and their source.

    Raises CredentialsError when there are none or the index refuses them, IndexUnavailableError when it does not
    answer.
    """
    credentials = find_credentials(target)
    return prove(target.url, credentials), credentials.source
