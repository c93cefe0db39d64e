"""Setting up the tools of this machine for an index."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from publisher.cli.display.diff import show_diff
from publisher.cli.display.output import current_output
from publisher.cli.options.target import TargetArgs
from publisher.cli.options.tools import ConfigArgs
from publisher.cli.run.prompts import can_ask
from publisher.cli.run.resolve import project_config, resolve_target
from publisher.credentials.remembered import remembered_username
from publisher.errors import ConfigurationError
from publisher.files.changes import FileChange, back_up, write_changes
from publisher.machine.configure import (
    TOOLS,
    default_scope,
    export_lines,
    found_tools,
    index_name,
    print_setup,
    removal_changes,
    setup_changes,
)
from publisher.machine.paths import Machine, this_machine
from publisher.machine.tools.tool import Setup, Tool
from publisher.secret import mask_urls

_OTHER_SCOPES = (
    "Configure single environments instead (activate one, then `pypi-publish config pip --scope site --write`), or use "
    "uv, which takes only your packages from it (`pypi-publish config uv --scope project --write`)."
)

_PASSWORD = re.compile(r"(\bpassword\s*=?\s*)\S.*")
"""A password in a line of a file; those in URLs are masked, too."""


def configure(name: str | None, args: ConfigArgs, target: TargetArgs) -> None:
    """Print, write or remove the configuration of the named tool, or of every tool on this machine."""
    machine = this_machine()
    tools = _tools(name, everything=args.everything)
    scoped = [(each, args.scope or default_scope(each, machine)) for each in tools]
    for each, scope in scoped:
        if scope not in each.scopes:
            raise click.UsageError(f"{each.name} has no {scope} file; there is {', '.join(each.scopes)}.")
    if args.remove:
        _remove(scoped, machine, dry_run=args.dry_run)
        return
    setup = _setup(args, target, [scope for _, scope in scoped], machine)
    if args.as_variables:
        current_output().result("\n".join(export_lines(tools, setup)))
    elif args.write or args.dry_run:
        scoped = _without_losing_public_packages(scoped, setup, skip=args.everything)
        write_setup(scoped, setup, machine, skip=args.everything, dry_run=args.dry_run)
    else:
        _print(scoped, setup, machine)


def _without_losing_public_packages(
    scoped: Sequence[tuple[Tool, str]], setup: Setup, *, skip: bool
) -> list[tuple[Tool, str]]:
    """
    Return the tools that may be configured: pip not for everything, where that cuts it off from the public index.

    A person may insist, with an answer or ``--only-index``. Raises ConfigurationError, unless ``skip`` leaves pip out.
    """
    kept = []
    for tool, scope in scoped:
        if tool.name != "pip" or scope == "site" or setup.proxies_public:
            kept.append((tool, scope))
            continue
        loss = (
            f"{setup.url} does not pass public packages on, so pip would no longer install any: it can only have one "
            "index safely."
        )
        if can_ask():
            current_output().warn(f"{loss} {_OTHER_SCOPES}")
            if click.confirm(f"Write it to the {scope}'s file anyway?", default=False, err=True):
                kept.append((tool, scope))
        elif skip:
            current_output().warn(f"pip is not changed. {loss} {_OTHER_SCOPES}")
        else:
            raise ConfigurationError(loss, hint=f"{_OTHER_SCOPES} Pass --only-index to write it anyway.")
    return kept


def _tools(name: str | None, *, everything: bool) -> Sequence[Tool]:
    if everything == (name is not None):
        raise click.UsageError("Name one tool, or pass --all.")
    return found_tools() if name is None else [TOOLS[name]]


def _setup(args: ConfigArgs, target_args: TargetArgs, scopes: Sequence[str], machine: Machine) -> Setup:
    """Return the index's place in the tools' configuration; ask the index for values that the options leave open."""
    target = resolve_target(target_args, project_config([]), or_login=True)
    username = target.username or target.url.username or remembered_username(target.url.root)
    credentials = None
    if args.embed_credentials:
        from publisher.cli.run.asking import checked_credentials  # the HTTP client, only where the index is asked

        credentials = checked_credentials(target)
    in_project = "project" in scopes
    proxies_public, packages, dependencies = bool(args.only_index), list(args.packages), dict[str, set[str]]()
    if args.only_index is None or (in_project and not args.only_index):
        from publisher.cli.run.asking import ask_facts  # the HTTP client, only where the index is asked

        proxies_public, packages, dependencies = ask_facts(target, credentials, args, machine, in_project=in_project)
    return Setup(
        target.url,
        args.name or index_name(target.url),
        credentials.username if credentials else username,
        credentials.password if credentials else None,
        proxies_public,
        packages,
        dependencies,
    )


def _print(scoped: Sequence[tuple[Tool, str]], setup: Setup, machine: Machine) -> None:
    for tool, scope in scoped:
        _note(tool, setup, scope)
        for path, text in print_setup(tool, setup, machine, scope):
            current_output().result(f"# {path}\n{text}", nl=False)


def write_setup(
    scoped: Sequence[tuple[Tool, str]], setup: Setup, machine: Machine, *, skip: bool, dry_run: bool
) -> None:
    """Write the tools' settings; with ``skip``, one tool's failure does not stop the others."""
    changes: dict[Path, FileChange] = {}
    for tool, scope in scoped:
        try:
            changes = setup_changes(tool, setup, machine, scope, changes)
        except ConfigurationError as error:
            if not skip:
                raise
            current_output().warn(f"{tool.name} is not changed. {error.message}")
        else:
            _note(tool, setup, scope)
    _change(list(changes.values()), machine, dry_run=dry_run)


def _remove(scoped: Sequence[tuple[Tool, str]], machine: Machine, *, dry_run: bool) -> None:
    changes: dict[Path, FileChange] = {}
    for tool, scope in scoped:
        changes = removal_changes(tool, machine, scope, changes)
    _change(list(changes.values()), machine, dry_run=dry_run)


def _change(files: Sequence[FileChange], machine: Machine, *, dry_run: bool) -> None:
    output = current_output()
    changes = [change for change in files if change.changes]
    for change in changes:
        show_diff([_masked(line) for line in change.diff(machine.folder)], output)
    if dry_run or not changes:
        output.say("This was a dry run: nothing was changed." if changes else "Everything is in place already.")
        return
    copies = {
        change.path: back_up(change) for change in changes if change.after is not None and not _in_git(change.path)
    }
    write_changes(changes)
    for change in changes:
        kept = f" (before: {copy})" if (copy := copies.get(change.path)) else ""
        output.say(f"{'Removed' if change.after is None else 'Wrote'} {change.path}{kept}")


def _masked(line: str) -> str:
    return _PASSWORD.sub(r"\1****", mask_urls(line))


def _in_git(path: Path) -> bool:
    """Return whether a file is kept by git, which is a better backup."""
    return any((folder / ".git").exists() for folder in path.parents)


def _note(tool: Tool, setup: Setup, scope: str) -> None:
    output = current_output()
    for note in tool.notes(setup, scope):
        output.note(f"{tool.name}:", note)
