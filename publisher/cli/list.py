"""The command `pypi-publish list`."""

import json
from typing import Any

import click

from publisher.cli.options import json_option, output_options, project_config, resolve_target, target_options
from publisher.cli.output import current_output


@click.command("list")
@click.argument("project", required=False)
@target_options
@json_option
@output_options
def command(project: str | None, **options: Any) -> None:
    """List the projects of an index, or the files of one project."""
    from publisher.publish.releases import list_files, list_projects

    target = resolve_target(options, project_config([]))
    as_json = current_output().as_json
    if project is None:
        names = list_projects(target)
        click.echo(json.dumps({"projects": names}, indent=2) if as_json else "\n".join(names))
        return
    files = list_files(target, project)
    if as_json:
        click.echo(json.dumps({"project": project, "files": files}, indent=2))
        return
    for file in files:
        click.echo(file["filename"] + ("  (yanked)" if file["yanked"] else ""))
