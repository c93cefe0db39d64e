"""The command `pypi-publish token`."""

import click

from publisher.cli.options.duration import duration
from publisher.cli.options.trust import TrustPlaceArgs, place_options
from publisher.cli.options.verbosity import json_option, output_options


@click.group("token")
def command() -> None:
    """
    Create, list and revoke API tokens of your account.

    Needs your account's password: no token creates tokens. Clients use a token as the password of the user `__token__`.
    """


@command.command("create")
@click.option("--name", metavar="NAME", required=True, help="Name of the token, for lists and the audit trail.")
@click.option(
    "--can",
    "rights",
    type=click.Choice(["read", "publish", "create", "manage"]),
    multiple=True,
    required=True,
    help="Right on the projects; can be repeated.",
)
@click.option(
    "--project", "projects", metavar="PATTERN", multiple=True, help="Project or pattern; can be repeated.  [default: *]"
)
@click.option("--expires", metavar="AGE", type=duration, help="Lifetime, for example 90d.  [default: never expires]")
@click.option("--for", "owner", metavar="NAME", help="Service account that owns the token; for admins.")
@place_options
@json_option
@output_options
def create(  # noqa: PLR0913 - one argument for each option
    *,
    name: str,
    rights: tuple[str, ...],
    projects: tuple[str, ...],
    expires: float | None,
    owner: str | None,
    place: TrustPlaceArgs,
) -> None:
    """Create a token and print it, once, to stdout."""
    from publisher.cli.run.admin.access import create_token

    days = None if expires is None else expires / 86400
    create_token(place, name=name, rights=rights, projects=projects, days=days, owner=owner)


@command.command("list")
@place_options
@json_option
@output_options
def list_(*, place: TrustPlaceArgs) -> None:
    """
    List your tokens with rights, expiry and last use.

    Admins see all tokens.
    """
    from publisher.cli.run.admin.access import list_tokens

    list_tokens(place)


@command.command("revoke")
@click.argument("name")
@place_options
@json_option
@output_options
def revoke(name: str, *, place: TrustPlaceArgs) -> None:
    """Revoke your token NAME, or as an admin OWNER/NAME."""
    from publisher.cli.run.admin.access import revoke_token

    revoke_token(place, name)
