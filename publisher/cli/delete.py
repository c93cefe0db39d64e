"""The command `pypi-publish delete`."""

from typing import Any

import click

from publisher.cli.options import (
    can_ask,
    json_option,
    output_options,
    project_config,
    resolve_target,
    target_options,
)
from publisher.cli.summary import show_change


@click.command("delete")
@click.argument("project")
@click.argument("version")
@click.argument("filename", metavar="[FILE]", required=False)
@click.option("--yes", is_flag=True, help="Don't ask.")
@target_options
@json_option
@output_options
def command(project: str, version: str, filename: str | None, *, yes: bool, **options: Any) -> None:
    """
    Delete a release, or one file of it, for good.

    The file names stay reserved: what others pinned never changes into something else. To have installers pass over a
    release, yank it instead.
    """
    from publisher.publish.releases import delete

    target = resolve_target(options, project_config([]))
    what = filename or f"all files of {project} {version}"
    if not yes:
        if not can_ask():
            raise click.UsageError(f"There is nobody to ask whether {what} shall be deleted; say --yes.")
        click.confirm(f"Delete {what} from {target.url} for good?", abort=True, err=True)
    show_change(project, version, delete(target, project, version, filename))
