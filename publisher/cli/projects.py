"""The command `pypi-publish projects`."""

import click

from publisher.cli.options.public_packages import PublicPackagesArgs, public_packages_options
from publisher.cli.options.verbosity import json_option, output_options


@click.group("projects")
def command() -> None:
    """Administer the names of an index."""


@command.command("claim")
@click.argument("name")
@public_packages_options
@json_option
@output_options
def claim(name: str, *, place: PublicPackagesArgs) -> None:
    """Allow that a name is published here which exists publicly; prints the public project that it hides."""
    from publisher.cli.run.admin.public_packages import claim_name

    claim_name(place, name)
