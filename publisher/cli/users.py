"""The command `pypi-publish users`."""

import click

from publisher.cli.options.accounts import AccountsArgs, accounts_options
from publisher.cli.options.verbosity import json_option, output_options


@click.group("users")
def command() -> None:
    """
    Administer the accounts of an index.

    Needs the administrator's token, which the index has as AUTH_TOKEN, in PYPI_PUBLISH_ADMIN_TOKEN or in keyring.
    """


@command.command("add")
@click.argument("username")
@click.option("--generate", is_flag=True, help="Generate a password and print it once, to stdout.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin instead of asking.")
@accounts_options
@json_option
@output_options
def add(username: str, *, generate: bool, password_stdin: bool, place: AccountsArgs) -> None:
    """Create an account, or change its password."""
    from publisher.cli.run.admin.accounts import add_account

    add_account(place, username, generate=generate, password_stdin=password_stdin)


@command.command("remove")
@click.argument("username")
@accounts_options
@json_option
@output_options
def remove(username: str, *, place: AccountsArgs) -> None:
    """Remove an account."""
    from publisher.cli.run.admin.accounts import remove_account

    remove_account(place, username)


@command.command("list")
@accounts_options
@json_option
@output_options
def list_(place: AccountsArgs) -> None:
    """List all accounts, one per line."""
    from publisher.cli.run.admin.accounts import list_accounts

    list_accounts(place)
