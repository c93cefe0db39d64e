"""The command `pypi-publish config`."""

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.cli.options import output_options, project_config, resolve_target, target_options
from publisher.cli.output import current_output
from publisher.secret import mask_urls

if TYPE_CHECKING:
    from publisher.credentials.chain import Target
    from publisher.files.changes import FileChange
    from publisher.machine.paths import Machine
    from publisher.machine.tools.tool import Setup, Tool
    from publisher.secret import Credentials

NAMES = ("pip", "uv", "poetry", "pdm", "pypirc", "netrc")
_PASSWORD = re.compile(r"(\bpassword\s*=?\s*)\S.*")
"""What is not to be shown of a line besides passwords in URLs."""

SCOPES = ("user", "site", "global", "project")


@click.command("config")
@click.argument("tool", required=False, type=click.Choice(NAMES))
@click.option("--all", "everything", is_flag=True, help="Every tool that is on this machine.")
@click.option("--write", is_flag=True, help="Merge it into the file that the tool reads, instead of printing it.")
@click.option("--remove", is_flag=True, help="Take out again what --write put in.")
@click.option("--dry-run", is_flag=True, help="Show what --write or --remove would change, and change nothing.")
@click.option(
    "--scope",
    type=click.Choice(SCOPES),
    help="user: yours; site: the active virtual environment's; global: everybody's; project: this folder's "
    "pyproject.toml.  [default: what fits the tool]",
)
@click.option("--name", metavar="NAME", help="What the index is called in the files.  [default: from its host]")
@click.option(
    "--package", "packages", multiple=True, metavar="NAME", help="A package on the index.  [default: all that it lists]"
)
@click.option(
    "--only-index/--beside-public",
    default=None,
    help="Whether public packages come through this index, too.  [default: as the index says]",
)
@click.option("--embed-credentials", is_flag=True, help="Put the password into the file, readable by you alone.")
@click.option("--env", "as_variables", is_flag=True, help="Print `export` lines for a CI job instead.")
@target_options
@output_options
def command(tool: str | None, *, everything: bool, **options: Any) -> None:
    """
    Set up a tool of this machine for the index, or print how.

    TOOL is pip, uv, poetry, pdm, pypirc (for twine, flit and hatch) or netrc. No password gets into any file: the tools
    find it in keyring, where `pypi-publish login` puts it.
    """
    from publisher.machine.configure import default_scope, export_lines
    from publisher.machine.paths import this_machine

    machine = this_machine()
    tools = _tools(tool, everything=everything)
    scoped = [(each, options["scope"] or default_scope(each, machine)) for each in tools]
    for each, scope in scoped:
        if scope not in each.scopes:
            raise click.UsageError(f"{each.name} has no {scope} file; there is {', '.join(each.scopes)}.")
    if options["remove"]:
        _remove(scoped, machine, dry_run=options["dry_run"])
        return
    setup = _setup(options, [scope for _, scope in scoped], machine)
    if options["as_variables"]:
        click.echo("\n".join(export_lines(tools, setup)))
    elif options["write"] or options["dry_run"]:
        write_setup(scoped, setup, machine, skip=everything, dry_run=options["dry_run"])
    else:
        _print(scoped, setup, machine)


def _tools(name: str | None, *, everything: bool) -> "Sequence[Tool]":
    from publisher.machine.configure import TOOLS, found_tools

    if everything == (name is not None):
        raise click.UsageError("Name one tool, or give --all.")
    return found_tools() if name is None else [TOOLS[name]]


def _setup(options: dict[str, Any], scopes: Sequence[str], machine: "Machine") -> "Setup":
    """Return what the tools are to be told; asks the index what nobody else says, as far as it can be asked."""
    from publisher.credentials.chain import find_credentials
    from publisher.credentials.remembered import remembered_username
    from publisher.errors import PublishError
    from publisher.machine.configure import index_name
    from publisher.machine.tools.tool import Setup

    target = resolve_target(options, project_config([]), or_login=True)
    username = target.username or target.url.username or remembered_username(target.url.root)
    credentials = find_credentials(target) if options["embed_credentials"] else None
    passes_on, packages = options["only_index"], list(options["packages"])
    if passes_on is None or ("project" in scopes and not packages and not passes_on):
        try:
            told, listed = _ask(target, credentials)
        except PublishError as error:
            if "project" in scopes and not packages:
                raise
            current_output().warn(f"The index can't be asked what it offers, so nothing is assumed. {error.message}")
            told, listed = False, []
        passes_on = told if passes_on is None else passes_on
        packages = packages or listed
    needs = _needs(target, credentials, machine, packages) if "project" in scopes and not passes_on else {}
    return Setup(
        target.url,
        options["name"] or index_name(target.url),
        credentials.username if credentials else username,
        credentials.password if credentials else None,
        passes_on,
        packages,
        needs,
    )


def _ask(target: "Target", credentials: "Credentials | None") -> tuple[bool, list[str]]:
    """Return whether the index passes on the names that it does not own, and the names of the projects on it."""
    from publisher.credentials.chain import find_credentials

    # nobody is asked for a password only to have a look
    credentials = credentials or find_credentials(replace(target, prompt=None))
    from publisher.client.client import IndexClient  # most of the time that this command takes to start

    with closing(IndexClient(target.url, credentials)) as connection:
        return connection.whoami().passes_on, sorted(connection.projects())


def _needs(
    target: "Target", credentials: "Credentials | None", machine: "Machine", packages: Sequence[str]
) -> dict[str, set[str]]:
    """Return what the packages of the project in the machine's folder need of the index in turn."""
    from publisher.credentials.chain import find_credentials
    from publisher.errors import PublishError
    from publisher.files.changes import read_text
    from publisher.files.toml import read_toml
    from publisher.machine.tools.transitive import direct_dependencies, look_up_needs
    from publisher.project.pyproject import FILENAME

    direct = direct_dependencies(read_toml(read_text(machine.folder / FILENAME) or ""))
    try:
        credentials = credentials or find_credentials(replace(target, prompt=None))
        return look_up_needs(target.url, credentials, direct, packages)
    except PublishError as error:
        current_output().warn(
            f"The index can't be asked which of its packages need others of it; name those yourself. {error.message}"
        )
        return {}


def _print(scoped: "Sequence[tuple[Tool, str]]", setup: "Setup", machine: "Machine") -> None:
    from publisher.machine.configure import print_setup

    for tool, scope in scoped:
        _note(tool, setup, scope)
        for path, text in print_setup(tool, setup, machine, scope):
            click.echo(f"# {path}\n{text}", nl=False)


def write_setup(
    scoped: "Sequence[tuple[Tool, str]]", setup: "Setup", machine: "Machine", *, skip: bool, dry_run: bool
) -> None:
    """Write what tools are told; with ``skip``, a tool that can't be set up does not keep the others from it."""
    from publisher.errors import ConfigurationError
    from publisher.machine.configure import setup_changes

    drafts: dict[Path, FileChange] = {}
    for tool, scope in scoped:
        try:
            drafts = setup_changes(tool, setup, machine, scope, drafts)
        except ConfigurationError as error:
            if not skip:
                raise
            current_output().warn(f"{tool.name} is left as it is. {error.message}")
        else:
            _note(tool, setup, scope)
    _change(list(drafts.values()), machine, dry_run=dry_run)


def _remove(scoped: "Sequence[tuple[Tool, str]]", machine: "Machine", *, dry_run: bool) -> None:
    from publisher.machine.configure import removal_changes

    drafts: dict[Path, FileChange] = {}
    for tool, scope in scoped:
        drafts = removal_changes(tool, machine, scope, drafts)
    _change(list(drafts.values()), machine, dry_run=dry_run)


def _change(drafts: "Sequence[FileChange]", machine: "Machine", *, dry_run: bool) -> None:
    from publisher.cli.init import show_diff
    from publisher.files.changes import back_up, write_changes

    output = current_output()
    changes = [draft for draft in drafts if draft.changes]
    for draft in changes:
        show_diff([_masked(line) for line in draft.diff(machine.folder)], output)
    if dry_run or not changes:
        output.say("This was a dry run: nothing was changed." if changes else "Everything is in place already.")
        return
    copies = {draft.path: back_up(draft) for draft in changes if draft.after is not None and not _in_git(draft.path)}
    write_changes(changes)
    for draft in changes:
        kept = f" (before: {copy})" if (copy := copies.get(draft.path)) else ""
        output.say(f"{'Removed' if draft.after is None else 'Wrote'} {draft.path}{kept}")


def _masked(line: str) -> str:
    return _PASSWORD.sub(r"\1****", mask_urls(line))


def _in_git(path: Path) -> bool:
    """Tell whether a file is kept by git, which is a better backup."""
    return any((folder / ".git").exists() for folder in path.parents)


def _note(tool: "Tool", setup: "Setup", scope: str) -> None:
    output = current_output()
    for note in tool.notes(setup, scope):
        output.say(f"{click.style(f'{tool.name}:', fg='cyan', bold=True)} {note}")
