"""The command `pypi-publish users`."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from publisher.cli.options import can_ask, json_option, output_options, project_config
from publisher.cli.output import current_output

if TYPE_CHECKING:
    from publisher.secret import Secret


class Accounts(Protocol):
    """What the commands do with accounts, over the network or in a file."""

    def add(self, username: str, password: "Secret") -> str:
        """Create an account or change its password, and return which."""

    def remove(self, username: str) -> None:
        """Remove an account."""

    def names(self) -> list[str]:
        """Return the names of all accounts."""


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add where the accounts are: values ``admin_url`` and ``htpasswd``."""
    for option in (
        click.option(
            "--htpasswd",
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Change this file instead of asking an index.",
        ),
        click.option(
            "--admin-url",
            "--index-url",
            metavar="URL",
            envvar=["PYPI_PUBLISH_ADMIN_URL", "PYPI_PUBLISH_INDEX_URL"],
            show_envvar=True,
            help="The index, or the register-user endpoint of its deployment on Modal.",
        ),
    ):
        command = option(command)
    return command


@click.group("users")
def command() -> None:
    """
    Administer the accounts of an index.

    Needs the administrator's token, which the index has as AUTH_TOKEN, in PYPI_PUBLISH_ADMIN_TOKEN or in keyring.
    """


@command.command("add")
@click.argument("username")
@click.option("--generate", is_flag=True, help="Make up a password and print it, once, to stdout.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin instead of asking for it.")
@place_options
@json_option
@output_options
def add(username: str, *, generate: bool, password_stdin: bool, **options: Any) -> None:
    """Create an account, or change its password."""
    password = _new_password(username, generate=generate, password_stdin=password_stdin)
    with _accounts(options) as accounts:
        status = accounts.add(username, password)
    told = {"created": "is created", "changed": "has a new password", "unchanged": "had this password already"}
    output = current_output()
    output.say(f"The account {username!r} {told.get(status, status)}.")
    if output.as_json:
        made = {"password": password.reveal()} if generate else {}
        click.echo(json.dumps({"username": username, "status": status, **made}, indent=2))
    elif generate:
        click.echo(password.reveal())


@command.command("remove")
@click.argument("username")
@place_options
@json_option
@output_options
def remove(username: str, **options: Any) -> None:
    """Remove an account."""
    with _accounts(options) as accounts:
        accounts.remove(username)
    output = current_output()
    output.say(f"The account {username!r} is removed.")
    if output.as_json:
        click.echo(json.dumps({"username": username, "status": "removed"}, indent=2))


@command.command("list")
@place_options
@json_option
@output_options
def list_(**options: Any) -> None:
    """Name all accounts, one a line."""
    with _accounts(options) as accounts:
        names = accounts.names()
    if current_output().as_json:
        click.echo(json.dumps({"users": names}, indent=2))
    else:
        for name in names:
            click.echo(name)


@contextmanager
def _accounts(options: dict[str, Any]) -> "Iterator[Accounts]":
    """Return the accounts that the options name."""
    from publisher.client.accounts import AccountAdmin, admin_url
    from publisher.credentials.admin_token import find_token
    from publisher.errors import ConfigurationError

    if options["htpasswd"] is not None:
        yield _HtpasswdAccounts(options["htpasswd"])
        return
    named = options["admin_url"] or project_config([Path()]).index_url
    if not named:
        raise ConfigurationError(
            "No index is named.", hint="Give --admin-url URL, set PYPI_PUBLISH_ADMIN_URL, or give --htpasswd FILE."
        )
    index = admin_url(named)
    admin = AccountAdmin(index, find_token(index, os.environ))
    try:
        yield admin
    finally:
        admin.close()


class _HtpasswdAccounts:
    """The accounts in an htpasswd file."""

    def __init__(self, path: Path) -> None:
        from publisher.errors import ConfigurationError

        try:
            from publisher.server.auth import htpasswd as users
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "The index is not installed.", hint="pip install 'pypi-publish[server]'"
            ) from error
        self._path = path
        self._module = users
        self._users = users.Users(path)

    def add(self, username: str, password: "Secret") -> str:
        from publisher.errors import ConfigurationError

        try:
            self._module.create_file(self._path)
            return self._users.set_password(username, password.reveal()).value
        except self._module.InvalidAccountError as error:
            raise ConfigurationError(str(error)) from error
        except OSError as error:
            raise self._unusable(error) from error

    def remove(self, username: str) -> None:
        from publisher.errors import PublishError

        try:
            removed = self._path.exists() and self._users.remove(username)
        except OSError as error:
            raise self._unusable(error) from error
        if not removed:
            raise PublishError(f"There is no user {username} in {self._path}.")

    def names(self) -> list[str]:
        try:
            return self._users.names()
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> Exception:
        from publisher.errors import ConfigurationError

        return ConfigurationError(f"The htpasswd file {self._path} can't be used: {error.strerror or error}.")


def _new_password(username: str, *, generate: bool, password_stdin: bool) -> "Secret":
    from publisher.credentials.admin_token import generate_password
    from publisher.secret import Secret

    if generate and password_stdin:
        raise click.UsageError("--generate and --password-stdin exclude each other.")
    if generate:
        return generate_password()
    if password_stdin:
        text = sys.stdin.buffer.readline().decode("utf-8", "surrogateescape").rstrip("\r\n")
        if not text:
            raise click.UsageError("--password-stdin was given, and stdin is empty.")
        return Secret(text)
    if not can_ask():
        raise click.UsageError("There is no terminal to ask for the password on: give --generate or --password-stdin.")
    return Secret(
        click.prompt(f"New password of {username}", hide_input=True, confirmation_prompt="The same again", err=True)
    )
