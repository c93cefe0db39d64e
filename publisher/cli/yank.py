"""The command `pypi-publish yank`."""

from typing import Any

import click

from publisher.cli.options import json_option, output_options, project_config, resolve_target, target_options
from publisher.cli.summary import show_change


@click.command("yank")
@click.argument("project")
@click.argument("version")
@click.option("--reason", default="", metavar="TEXT", help="Why; installers show it.")
@target_options
@json_option
@output_options
def command(project: str, version: str, reason: str, **options: Any) -> None:
    """
    Have installers pass over a release.

    It stays installable for those who ask for exactly this version (PEP 592), and can be unyanked.
    """
    from publisher.publish.releases import yank

    show_change(project, version, yank(resolve_target(options, project_config([])), project, version, reason))
