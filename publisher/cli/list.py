"""The command `pypi-publish list`."""

import click

from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("list")
@click.argument("project", required=False)
@target_options
@json_option
@output_options
def command(project: str | None, *, target: TargetArgs) -> None:
    """List the projects of an index, or the files of one project."""
    from publisher.cli.run import releases

    if project is None:
        releases.list_projects(target)
    else:
        releases.list_files(target, project)
