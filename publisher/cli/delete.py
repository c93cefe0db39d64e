"""The command `pypi-publish delete`."""

import click

from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("delete")
@click.argument("project")
@click.argument("version")
@click.argument("filename", metavar="[FILE]", required=False)
@click.option("--yes", is_flag=True, help="Delete without asking.")
@target_options
@json_option
@output_options
def command(project: str, version: str, filename: str | None, *, yes: bool, target: TargetArgs) -> None:
    """
    Delete a release, or one file of it, permanently.

    The file names stay reserved, so that a pinned file never changes. To make installers skip a release, yank it
    instead.
    """
    from publisher.cli.run import releases

    releases.delete(target, project, version, filename, confirmed=yes)
