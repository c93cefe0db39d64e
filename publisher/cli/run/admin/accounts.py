"""Administering accounts, over the network or in a file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import click

from publisher.cli.display.output import current_output
from publisher.cli.options.accounts import AccountsArgs
from publisher.cli.run.admin.connection import named_index
from publisher.cli.run.admin.extras import require_server
from publisher.cli.run.prompts import ask_new_password, can_ask, read_secret
from publisher.client.accounts import AccountAdmin
from publisher.credentials.admin_token import generate_password
from publisher.errors import PublishError
from publisher.secret import Secret


class AccountEditor(Protocol):
    """Edits the accounts of an index, wherever they are kept."""

    def add(self, username: str, password: Secret) -> str:
        """Create an account or change its password, and return which."""

    def add_service(self, username: str) -> str:
        """Create a service account, and return whether it is new."""

    def remove(self, username: str) -> Mapping[str, Sequence[str]]:
        """Remove an account, and return everything that ended with it, by kind."""

    def names(self) -> list[str]:
        """Return the names of all accounts."""


def add_account(place: AccountsArgs, username: str, *, generate: bool, password_stdin: bool) -> None:
    """Create an account or change its password; a generated password is printed to stdout."""
    with _open(place) as accounts:  # before asking for a password that could not be sent
        password = _new_password(username, generate=generate, password_stdin=password_stdin)
        status = accounts.add(username, password)
    words = {"created": "is created", "changed": "has a new password", "unchanged": "had this password already"}
    output = current_output()
    output.say(f"The account {username!r} {words.get(status, status)}.")
    if output.as_json:
        generated = {"password": password.reveal()} if generate else {}
        output.result(json.dumps({"username": username, "status": status, **generated}, indent=2))
    elif generate:
        output.result(password.reveal())


def add_service_account(place: AccountsArgs, username: str) -> None:
    """Create a service account."""
    with _open(place) as accounts:
        status = accounts.add_service(username)
    output = current_output()
    output.say(f"The service account {username!r} {'is created' if status == 'created' else 'exists already'}.")
    if output.as_json:
        output.result(json.dumps({"username": username, "status": status}, indent=2))


def rotate_password(place: AccountsArgs, username: str, *, generate: bool, password_stdin: bool) -> None:
    """Give an account a new password; raises PublishError for an unknown account."""
    with _open(place) as accounts:
        known = accounts.names()
    if username not in known:
        raise PublishError(f"Unknown user {username}.", hint="`pypi-publish users list` shows the names.")
    add_account(place, username, generate=generate, password_stdin=password_stdin)


def remove_account(place: AccountsArgs, username: str) -> None:
    """Remove an account."""
    with _open(place) as accounts:
        ended = {kind: list(names) for kind, names in accounts.remove(username).items() if names}
    output = current_output()
    output.say(f"The account {username!r} is removed.")
    for kind, names in ended.items():
        output.say(f"Also removed: {kind} {', '.join(names)}")
    if output.as_json:
        output.result(json.dumps({"username": username, "status": "removed", "ended": ended}, indent=2))


def list_accounts(place: AccountsArgs) -> None:
    """Print the names of all accounts."""
    with _open(place) as accounts:
        names = accounts.names()
    if current_output().as_json:
        current_output().result(json.dumps({"users": names}, indent=2))
        return
    for name in names:
        current_output().result(name)


@contextmanager
def _open(place: AccountsArgs) -> Iterator[AccountEditor]:
    if place.htpasswd is not None:
        yield _accounts_in(place.htpasswd)
        return
    admin = AccountAdmin(*named_index(place.admin_url, "--htpasswd FILE"))
    try:
        yield admin
    finally:
        admin.close()


def _accounts_in(path: Path) -> AccountEditor:
    require_server()
    from publisher.cli.run.admin.htpasswd_accounts import HtpasswdAccounts  # needs the extra [server]

    return HtpasswdAccounts(path)


def _new_password(username: str, *, generate: bool, password_stdin: bool) -> Secret:
    if generate and password_stdin:
        raise click.UsageError("--generate and --password-stdin can't be combined.")
    if generate:
        return generate_password()
    if password_stdin:
        return read_secret("--password-stdin")
    if not can_ask():
        raise click.UsageError("No terminal to ask for the password: pass --generate or --password-stdin.")
    return ask_new_password(username)
