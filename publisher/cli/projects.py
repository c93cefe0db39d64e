"""The command `pypi-publish projects`."""

import click

from publisher.cli.options.public_packages import PublicPackagesArgs, public_packages_options
from publisher.cli.options.trust import TrustPlaceArgs, place_options
from publisher.cli.options.verbosity import json_option, output_options


@click.group("projects")
def command() -> None:
    """Claim names; show and change maintainers."""


@command.command("claim")
@click.argument("name")
@public_packages_options
@json_option
@output_options
def claim(name: str, *, place: PublicPackagesArgs) -> None:
    """
    Allow uploads under a name that exists on the public index.

    Prints the public project that it hides.
    """
    from publisher.cli.run.admin.public_packages import claim_name

    claim_name(place, name)


@command.command("owners")
@click.argument("name")
@click.option("--add", metavar="ACCOUNT", help="Account that becomes a maintainer of the project.")
@click.option("--remove", metavar="ACCOUNT", help="Maintainer to remove.")
@place_options
@json_option
@output_options
def owners(name: str, *, add: str | None, remove: str | None, place: TrustPlaceArgs) -> None:
    """
    Print or change the maintainers of a project.

    Maintainers are the first publisher and the accounts added since.
    """
    from publisher.cli.run.admin.access import show_owners

    if add and remove:
        raise click.UsageError("--add and --remove can't be combined.")
    show_owners(place, name, add=add, remove=remove)
