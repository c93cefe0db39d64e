"""Setting up a GitHub repository to publish on every tag."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import click

from publisher import __version__
from publisher.cli.display.diff import show_diff
from publisher.cli.display.output import current_output
from publisher.cli.options.repository import InitArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.prompts import ask_until_valid, can_ask
from publisher.cli.run.remaining_steps import remaining_steps
from publisher.cli.run.resolve import resolve_index
from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import ConfigurationError, StoppedError
from publisher.files.changes import FileChange, write_changes
from publisher.github.init import InitOptions, Repository, file_changes, find_repository
from publisher.github.provenance import ActionRef, find_action_ref, parse_action_ref
from publisher.github.workflow import PATH
from publisher.project.config import ProjectConfig, combine_configs, read_project_config


def set_up_repository(folder: Path, target: TargetArgs, args: InitArgs) -> None:
    """Write the files with which a repository publishes on a tag, after showing it, and print the steps that remain."""
    repository = find_repository(folder)
    config = _config(repository)
    keys = {"index-url": _index_url(target.index_url, config).root}
    keys |= {"username": target.username} if target.username else {}
    installed = find_action_ref()
    action = parse_action_ref(args.action) if args.action else installed or _ask_for_action()
    version = f"v{__version__}" if action == installed else None
    options = InitOptions(keys, action, version, args.environment, args.hooks, config.tag_prefix, args.secrets)
    files = file_changes(repository, options)
    changes = [change for change in files if change.changes]
    output = current_output()
    for change in changes:
        show_diff(change.diff(repository.root), output)
    if args.dry_run or not changes:
        output.say("This was a dry run: nothing was written." if changes else "Everything is in place already.")
        return
    agreed = _agreed(changes, yes=args.yes, force=args.force)
    if not agreed:
        output.say("Nothing was written.")
        return
    write_changes(agreed)
    output.line(remaining_steps(repository, action, options))


def _config(repository: Repository) -> ProjectConfig:
    configs = [read_project_config(source.folder) for source in repository.sources]
    return combine_configs(configs, read_project_config(repository.root))


def _index_url(given: str | None, config: ProjectConfig) -> IndexUrl:
    """Return the index that the option, the tables or a person names; GitHub must be able to reach it."""
    if given or config.index_url or not can_ask():
        return _reachable(resolve_index(given, config))
    current_output().say("Enter the URL of your index as GitHub can reach it; an admin of the index knows it.")
    return ask_until_valid("Index URL", lambda text: _reachable(parse_index_url(text)))


def _reachable(url: IndexUrl) -> IndexUrl:
    """Return a URL; raise ConfigurationError for one that means the machine it is used on."""
    host = url.host.strip("[]")
    try:
        is_here = ip_address(host).is_loopback or ip_address(host).is_unspecified
    except ValueError:
        is_here = host == "localhost" or host.endswith(".localhost")
    if is_here:
        raise ConfigurationError(
            f"{url} is this machine, which GitHub's runners can't reach.",
            hint="Give the URL of an index on a server or on Modal.",
        )
    return url


def _ask_for_action() -> ActionRef:
    """Return the action that a person names; raise ConfigurationError without a terminal to ask on."""
    if not can_ask():
        raise ConfigurationError(
            "The repository of the publish action is unknown: this is neither a release nor a clone from GitHub.",
            hint="Pass --action OWNER/REPOSITORY@COMMIT of your copy of this project on GitHub.",
        )
    current_output().say(
        "The workflow uses the publish action from your copy of this project on GitHub, pinned to a commit. "
        "In that copy, `git rev-parse HEAD` prints the 40 digits of the commit."
    )
    return ask_until_valid("Publish action, OWNER/REPOSITORY@COMMIT", parse_action_ref)


def _agreed(changes: Sequence[FileChange], *, yes: bool, force: bool) -> list[FileChange]:
    """
    Return the changes that a person agrees to.

    Raises ConfigurationError without a terminal to ask on.
    """
    if not (yes or force or can_ask()):
        raise ConfigurationError("No terminal to ask for confirmation.", hint="Pass --yes to write without asking.")
    if not (yes or force or click.confirm("Write this?", default=True, err=True)):
        raise StoppedError("Nothing was written.")
    agreed = []
    for change in changes:
        replaces = change.before is not None and change.path.as_posix().endswith(PATH)
        if not replaces or force or (not yes and click.confirm(f"{PATH} differs. Replace it?", err=True)):
            agreed.append(change)
        else:
            current_output().warn(f"{PATH} differs and was not changed; pass --force to replace it.")
    return agreed
