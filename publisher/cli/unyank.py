"""The command `pypi-publish unyank`."""

import click

from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("unyank")
@click.argument("project")
@click.argument("version")
@target_options
@json_option
@output_options
def command(project: str, version: str, *, target: TargetArgs) -> None:
    """Undo a yank."""
    from publisher.cli.run import releases

    releases.unyank(target, project, version)
