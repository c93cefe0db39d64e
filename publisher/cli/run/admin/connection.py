"""The connection of commands that administer a running index: with an account, or with the admin token."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from click.core import ParameterSource

from publisher.cli.options.target import TargetArgs
from publisher.cli.options.trust import TrustPlaceArgs
from publisher.cli.run.resolve import project_config, resolve_target
from publisher.client.access import AccessClient, AccessHints
from publisher.client.accounts import TOKEN_VARIABLE, admin_url
from publisher.client.http import BasicAuth, BearerAuth
from publisher.client.url import IndexUrl
from publisher.credentials.admin_token import find_token
from publisher.credentials.chain import find_credentials
from publisher.errors import ConfigurationError, CredentialsError
from publisher.secret import Secret


def named_index(url: str | None, otherwise: str) -> tuple[IndexUrl, Secret]:
    """
    Return the index to administer, from an option or the project's settings, and its admin token.

    Raises ConfigurationError, with what to pass ``otherwise``, if no index is named.
    """
    url = url or project_config([Path()]).index_url
    if not url:
        raise ConfigurationError(
            "No index URL is set.", hint=f"Pass --admin-url URL, set PYPI_PUBLISH_ADMIN_URL, or pass {otherwise}."
        )
    index = admin_url(url)
    return index, find_token(index, os.environ)


@contextmanager
def connected(
    place: TrustPlaceArgs, *, as_admin: bool = False, hints: AccessHints | None = None
) -> Iterator[AccessClient]:
    """Yield a connection with an account, or with the admin token where that is wanted and there is one."""
    target = resolve_target(TargetArgs(place.index_url, place.username), project_config([]), or_login=True)
    auth: BasicAuth | BearerAuth | None = None
    has_token = bool(os.environ.get(TOKEN_VARIABLE))
    if place.username is not None and _is_typed("username"):
        as_admin = has_token = False
    if (as_admin and has_token) or (place.username is None and (as_admin or has_token)):
        try:
            auth = BearerAuth(find_token(target.url, os.environ))
        except CredentialsError:
            auth = None
    if auth is None:
        credentials = find_credentials(target)
        auth = BasicAuth(credentials.username, credentials.password)
    client = AccessClient(target.url, auth, hints)
    try:
        yield client
    finally:
        client.close()


def _is_typed(option: str) -> bool:
    """Return whether an option is on the command line: the account in the environment is there for publishing."""
    context = click.get_current_context(silent=True)
    return context is not None and context.get_parameter_source(option) is ParameterSource.COMMANDLINE
