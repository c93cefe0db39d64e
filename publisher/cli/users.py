"""The command `pypi-publish users`."""

import click

from publisher.cli.options.accounts import AccountsArgs, accounts_options
from publisher.cli.options.trust import TrustPlaceArgs, place_options
from publisher.cli.options.verbosity import json_option, output_options


@click.group("users")
def command() -> None:
    """
    Administer the accounts of an index.

    Needs the admin token, in PYPI_PUBLISH_ADMIN_TOKEN or keyring, or --htpasswd FILE on the index's machine. An admin's
    password is enough for `set-role`.
    """


@command.command("add")
@click.argument("username")
@click.option("--generate", is_flag=True, help="Generate a password and print it once, to stdout.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin instead of asking.")
@click.option("--service", is_flag=True, help="Create a service account: it owns tokens and has no password.")
@accounts_options
@json_option
@output_options
def add(username: str, *, generate: bool, password_stdin: bool, service: bool, place: AccountsArgs) -> None:
    """Create an account, or change its password."""
    from publisher.cli.run.admin.accounts import add_account, add_service_account

    if service:
        add_service_account(place, username)
        return
    add_account(place, username, generate=generate, password_stdin=password_stdin)


@command.command("rotate")
@click.argument("username")
@click.option("--generate", is_flag=True, help="Generate a password and print it once, to stdout.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin instead of asking.")
@accounts_options
@json_option
@output_options
def rotate(username: str, *, generate: bool, password_stdin: bool, place: AccountsArgs) -> None:
    """Set a new password; the old one stops working at once."""
    from publisher.cli.run.admin.accounts import rotate_password

    rotate_password(place, username, generate=generate, password_stdin=password_stdin)


@command.command("set-role")
@click.argument("name")
@click.argument("role", type=click.Choice(["reader", "publisher", "maintainer", "admin", "none"]))
@click.option("--project", metavar="PATTERN", default="*", show_default=True, help="Project or pattern.")
@place_options
@json_option
@output_options
def set_role_(name: str, role: str, *, project: str, place: TrustPlaceArgs) -> None:
    """
    Give a role to an account, or to a group as @NAME.

    The role is written to access.toml.
    """
    from publisher.cli.run.admin.roles import set_role

    set_role(place, name, role, project)


@command.command("remove")
@click.argument("username")
@accounts_options
@json_option
@output_options
def remove(username: str, *, place: AccountsArgs) -> None:
    """
    Remove an account, its tokens and its roles.

    Trusted publishers that only it vouched for end too.
    """
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
