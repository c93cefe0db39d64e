"""Setting up a GitHub repository to publish on every tag."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import click

from publisher.cli.display.diff import show_diff
from publisher.cli.display.output import Output, current_output
from publisher.cli.options.repository import InitArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.prompts import can_ask
from publisher.cli.run.resolve import resolve_index
from publisher.errors import ConfigurationError, StoppedError
from publisher.files.changes import FileChange, write_changes
from publisher.github.init import InitOptions, Repository, draft_files, find_repository
from publisher.github.provenance import ActionRef, find_action_ref, parse_action_ref
from publisher.github.workflow import PATH
from publisher.project.config import combine_configs, read_project_config


def set_up_repository(folder: Path, target: TargetArgs, args: InitArgs) -> None:
    """Write what a repository needs to publish on a tag, after showing it, and print the steps that remain."""
    repository = find_repository(folder)
    keys = {"index-url": _index_url(target.index_url, repository)}
    keys |= {"username": target.username} if target.username else {}
    drafts = draft_files(repository, InitOptions(keys, _action(args.action), args.environment, args.hooks))
    changes = [draft for draft in drafts if draft.changes]
    output = current_output()
    for draft in changes:
        show_diff(draft.diff(repository.root), output)
    if args.dry_run or not changes:
        output.say("This was a dry run: nothing was written." if changes else "Everything is in place already.")
        return
    agreed = _agreed(changes, yes=args.yes, force=args.force)
    if not agreed:
        output.say("Nothing was written.")
        return
    write_changes(agreed)
    _say_what_remains(repository, args.environment, output)


def _index_url(given: str | None, repository: Repository) -> str:
    """Return the index that the option, the tables or a person names."""
    configs = [read_project_config(source.folder) for source in repository.sources]
    config = combine_configs(configs, read_project_config(repository.root))
    if not given and not config.index_url and can_ask():
        given = click.prompt("Index URL", err=True)
    return resolve_index(given, config).root


def _action(given: str | None) -> ActionRef:
    """Return where the action is; raises ConfigurationError where nobody knows."""
    origin = None if given else find_action_ref()
    if not given and origin is None and can_ask():
        given = click.prompt("Publish action, OWNER/REPOSITORY@COMMIT", err=True)
    if given:
        return parse_action_ref(given)
    if origin is None:
        raise ConfigurationError(
            "It is not known which repository holds the publish action: this is no release and no clone from GitHub.",
            hint="Give --action OWNER/REPOSITORY@COMMIT, where your organisation keeps this project.",
        )
    return origin


def _agreed(changes: Sequence[FileChange], *, yes: bool, force: bool) -> list[FileChange]:
    """
    Return the changes that a person agrees to.

    Raises ConfigurationError where nobody can be asked.
    """
    if not (yes or force or can_ask()):
        raise ConfigurationError("Nobody can be asked whether to write this.", hint="--yes writes without asking.")
    if not (yes or force or click.confirm("Write this?", default=True, err=True)):
        raise StoppedError("Nothing was written.")
    agreed = []
    for draft in changes:
        replaces = draft.before is not None and draft.path.as_posix().endswith(PATH)
        if not replaces or force or (not yes and click.confirm(f"Replace {PATH}, which differs?", err=True)):
            agreed.append(draft)
        else:
            current_output().warn(f"{PATH} differs and is left as it is; --force replaces it.")
    return agreed


def _say_what_remains(repository: Repository, environment: str, output: Output) -> None:
    tag = _example_tag(repository)
    where, in_url = shlex.quote(environment), quote(environment, safe="")
    output.say(f"""\
Written. What remains to be done by hand:

  1. Store the account's name and password where the workflow finds them:
       gh api --method PUT repos/{{owner}}/{{repo}}/environments/{in_url} --silent
       gh secret set PYPI_PUBLISH_USERNAME --env {where}
       gh secret set PYPI_PUBLISH_PASSWORD --env {where}
  2. If the action's repository is private, let this one use it: its Settings, Actions, General, Access.
  3. Commit and push; everybody who commits runs `pre-commit install --install-hooks` once.
  4. Release:
       git tag {tag} && git push origin {tag}""")


def _example_tag(repository: Repository) -> str:
    """Return a tag that publishes: of the one project, else of the first with a name, since the tag has to tell it."""
    named = [source for source in repository.sources if source.name]
    source = (named or repository.sources)[0]
    tag = f"v{source.version or '1.0.0'}"
    return tag if len(repository.sources) == 1 or not named else f"{source.name}-{tag}"
