"""Options of `trust`: the index, and the fields that all publishers share."""

from typing import NamedTuple

import click

from publisher.cli.options.gather import gather
from publisher.cli.options.places import index_url_option, username_option


class TrustPlaceArgs(NamedTuple):
    """The index, and the account that vouches; None for the admin token, else the account that logged in."""

    index_url: str | None = None
    username: str | None = None


class TrustArgs(NamedTuple):
    """The projects of a publisher, and the conditions of its jobs."""

    projects: tuple[str, ...] = ()
    environment: str = ""
    ref: str = "refs/tags/*"
    create: bool = False
    voucher: str = ""


place_options = gather(
    TrustPlaceArgs,
    "place",
    index_url_option,
    username_option("Account to use; on the command line, instead of the admin token."),
)
"""Add the index and the account; the command receives ``place: TrustPlaceArgs``."""

project_option = click.option(
    "--project", "projects", metavar="NAME", multiple=True, required=True, help="Project to publish; can be repeated."
)
create_option = click.option(
    "--create", is_flag=True, help="Let the publisher create the project once; needs the right 'admin'."
)
voucher_option = click.option(
    "--for",
    "voucher",
    metavar="ACCOUNT",
    default="",
    help="Account that vouches; removing it ends the publisher. For admins.  [default: you]",
)
environment_option = click.option("--environment", metavar="NAME", default="", help="Environment that jobs must use.")
ref_option = click.option(
    "--ref", metavar="PATTERN", default=TrustArgs().ref, show_default=True, help="Refs that may publish."
)

job_options = gather(TrustArgs, "trust", project_option, environment_option, ref_option, create_option, voucher_option)
"""Add the options of publishers with a repository; the command receives ``trust: TrustArgs``."""
