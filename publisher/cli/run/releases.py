"""Listing and changing the releases of an index."""

import json

import click

from publisher.cli.display.output import current_output
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.prompts import can_ask
from publisher.cli.run.resolve import project_config, resolve_target
from publisher.credentials.chain import Target
from publisher.errors import StoppedError
from publisher.project.display import without_control_characters
from publisher.publish import releases
from publisher.publish.releases import Changed


def list_projects(args: TargetArgs) -> None:
    """Print the names of an index's projects."""
    names = releases.list_projects(_target(args))
    output = current_output()
    output.result(
        json.dumps({"projects": names}, indent=2) if output.as_json else without_control_characters("\n".join(names))
    )


def list_files(args: TargetArgs, project: str) -> None:
    """Print the names of a project's files."""
    files = releases.list_files(_target(args), project)
    if current_output().as_json:
        current_output().result(json.dumps({"project": project, "files": files}, indent=2))
        return
    for file in files:
        name = without_control_characters(file["filename"])
        current_output().result(name + ("  (yanked)" if file["yanked"] else ""))


def yank(args: TargetArgs, project: str, version: str, reason: str) -> None:
    """Yank a release and print its files."""
    _show(project, version, releases.yank(_target(args), project, version, reason))


def unyank(args: TargetArgs, project: str, version: str) -> None:
    """Undo a yank and print the release's files."""
    _show(project, version, releases.unyank(_target(args), project, version))


def delete(args: TargetArgs, project: str, version: str, filename: str | None, *, confirmed: bool) -> None:
    """Delete a release or one of its files, after asking unless ``confirmed``, and print the deleted files."""
    target = _target(args)
    what = filename or f"all files of {project} {version}"
    if not confirmed:
        if not can_ask():
            raise click.UsageError(f"No terminal to confirm the deletion of {what}; add --yes.")
        current_output().say("Deleted file names can't be published again. To be able to undo it, use `yank` instead.")
        if not click.confirm(f"Delete {what} from {target.url} permanently?", err=True):
            raise StoppedError("Nothing was deleted.")
    _show(project, version, releases.delete(target, project, version, filename))


def _target(args: TargetArgs) -> Target:
    return resolve_target(args, project_config([]))


def _show(project: str, version: str, changed: Changed) -> None:
    output = current_output()
    if output.as_json:
        payload = {"project": project, "version": version, "status": changed.status, "files": list(changed.files)}
        output.result(json.dumps(payload, indent=2))
    for filename in changed.files:
        output.say(f"{changed.status} {filename}")
