"""The admin token of an index, found in the environment or keyring, and random passwords for new accounts."""

import secrets
from collections.abc import Mapping

from publisher.client.accounts import TOKEN_VARIABLE
from publisher.client.url import IndexUrl
from publisher.credentials import keyring
from publisher.errors import CredentialsError
from publisher.secret import Secret

KEYRING_USER = "admin"
GENERATED_BYTES = 24


def keyring_service(url: IndexUrl) -> str:
    """Return the name under which keyring holds the token; under the index's own, pip would take it for a password."""
    return url.endpoint("users")


def find_token(url: IndexUrl, environment: Mapping[str, str]) -> Secret:
    """
    Return the admin token from the environment or keyring.

    Raises CredentialsError when it is in neither.
    """
    if text := environment.get(TOKEN_VARIABLE, ""):
        return Secret(text)
    found = keyring.find([keyring_service(url)], KEYRING_USER)
    if found is None:
        raise CredentialsError(
            f"No admin token found for {url}.",
            hint=f"Set {TOKEN_VARIABLE} to the AUTH_TOKEN with which the index was started, or store it: "
            f"`keyring set {keyring_service(url)} {KEYRING_USER}`. If it was started without one, administer it on its "
            "own machine, with --htpasswd FILE or --root DIR.",
        )
    return found[1]


def generate_password() -> Secret:
    """Return a new random password."""
    return Secret(secrets.token_urlsafe(GENERATED_BYTES))
