"""The command `pypi-publish unyank`."""

from typing import Any

import click

from publisher.cli.options import json_option, output_options, project_config, resolve_target, target_options
from publisher.cli.summary import show_change


@click.command("unyank")
@click.argument("project")
@click.argument("version")
@target_options
@json_option
@output_options
def command(project: str, version: str, **options: Any) -> None:
    """Take a yank back."""
    from publisher.publish.releases import unyank

    show_change(project, version, unyank(resolve_target(options, project_config([])), project, version))
