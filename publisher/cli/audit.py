"""The command `pypi-publish audit`."""

import click

from publisher.cli.options.duration import duration
from publisher.cli.options.trust import TrustPlaceArgs, place_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("audit")
@click.option("--project", metavar="NAME", help="Events of this project only.")
@click.option("--user", metavar="NAME", help="Events by this account or about it only.")
@click.option("--since", metavar="AGE", type=duration, help="Events since this long ago, for example 7d.")
@place_options
@json_option
@output_options
def command(*, project: str | None, user: str | None, since: float | None, place: TrustPlaceArgs) -> None:
    """Print changes with account, time and address, oldest first. For admins."""
    from publisher.cli.run.admin.access import show_audit

    show_audit(place, project=project, user=user, since=since)
