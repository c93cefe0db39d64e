"""The command `pypi-publish yank`."""

import click

from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("yank")
@click.argument("project")
@click.argument("version")
@click.option("--reason", default="", metavar="TEXT", help="Reason for installers to show.")
@target_options
@json_option
@output_options
def command(project: str, version: str, *, reason: str, target: TargetArgs) -> None:
    """
    Yank a release so that installers skip it.

    It stays installable by its exact version (PEP 592), and can be unyanked.
    """
    from publisher.cli.run import releases

    releases.yank(target, project, version, reason)
