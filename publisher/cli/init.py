"""The command `pypi-publish init`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from publisher.cli.options import can_ask, index_options, output_options
from publisher.cli.output import Output, current_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.files.changes import FileChange
    from publisher.github.init import Repository
    from publisher.github.provenance import Origin

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("init")
@click.argument(
    "folder", metavar="[FOLDER]", default=".", type=click.Path(file_okay=False, exists=True, path_type=Path)
)
@index_options
@click.option(
    "--action",
    metavar="OWNER/REPOSITORY@COMMIT",
    envvar="PYPI_PUBLISH_ACTION",
    show_envvar=True,
    help="Where the workflow takes the publish action from.  [default: where this command was installed from]",
)
@click.option(
    "--environment", default="release", show_default=True, metavar="NAME", help="The environment with the secrets."
)
@click.option("--hooks/--no-hooks", default=True, show_default=True, help="Whether to add the pre-commit hooks.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--yes", is_flag=True, help="Write without asking; a workflow that differs is left alone.")
@click.option("--force", is_flag=True, help="Replace a workflow that differs, too.")
@output_options
def command(  # noqa: PLR0913 - one argument for each option
    folder: Path,
    *,
    index_url: str | None,
    username: str | None,
    action: str | None,
    environment: str,
    hooks: bool,
    dry_run: bool,
    yes: bool,
    force: bool,
) -> None:
    """
    Let a repository on GitHub publish on every tag.

    Writes a workflow, [tool.pypi-publish] in pyproject.toml, and the pre-commit hooks; shows what it is about to
    change, and says what remains to be done by hand. FOLDER is a project, or holds several.
    """
    from publisher.files.changes import write_changes
    from publisher.github.init import InitOptions, draft_files, find_repository

    repository = find_repository(folder)
    keys = {"index-url": _index_url(index_url, repository)} | ({"username": username} if username else {})
    drafts = draft_files(repository, InitOptions(keys, _action(action), environment, hooks))
    changes = [draft for draft in drafts if draft.changes]
    output = current_output()
    for draft in changes:
        show_diff(draft.diff(repository.root), output)
    if dry_run or not changes:
        output.say("This was a dry run: nothing was written." if changes else "Everything is in place already.")
        return
    agreed = _agreed(changes, yes=yes, force=force)
    if not agreed:
        output.say("Nothing was written.")
        return
    write_changes(agreed)
    _say_what_remains(repository, environment, output)


def _index_url(given: str | None, repository: "Repository") -> str:
    """Return the index that the option, the tables or a person names."""
    from publisher.cli.options import resolve_index
    from publisher.project.config import combine_configs, read_project_config

    configs = [read_project_config(source.folder) for source in repository.sources]
    config = combine_configs(configs, read_project_config(repository.root))
    if not given and not config.index_url and can_ask():
        given = click.prompt("Index URL", err=True)
    return resolve_index(given, config).root


def _action(given: str | None) -> "Origin":
    """Return where the action is; raises ConfigurationError where nobody knows."""
    from publisher.errors import ConfigurationError
    from publisher.github.provenance import find_origin, parse_origin

    origin = None if given else find_origin()
    if not given and origin is None and can_ask():
        given = click.prompt("Publish action, OWNER/REPOSITORY@COMMIT", err=True)
    if given:
        return parse_origin(given)
    if origin is None:
        raise ConfigurationError(
            "It is not known which repository holds the publish action: this is no release and no clone from GitHub.",
            hint="Give --action OWNER/REPOSITORY@COMMIT, where your organisation keeps this project.",
        )
    return origin


def _agreed(changes: "Sequence[FileChange]", *, yes: bool, force: bool) -> "list[FileChange]":
    """
    Return the changes that a person agrees to.

    Raises ConfigurationError where nobody can be asked.
    """
    from publisher.errors import ConfigurationError
    from publisher.github.workflow import PATH

    if not (yes or force or can_ask()):
        raise ConfigurationError("Nobody can be asked whether to write this.", hint="--yes writes without asking.")
    if not (yes or force or click.confirm("Write this?", default=True, err=True)):
        raise click.Abort
    agreed = []
    for draft in changes:
        replaces = draft.before is not None and draft.path.as_posix().endswith(PATH)
        if not replaces or force or (not yes and click.confirm(f"Replace {PATH}, which differs?", err=True)):
            agreed.append(draft)
        else:
            current_output().warn(f"{PATH} differs and is left as it is; --force replaces it.")
    return agreed


def show_diff(diff: "Sequence[str]", output: Output) -> None:
    """Show people what is to change in a file."""
    for line in diff:
        output.say(click.style(line, fg=_COLOURS.get(line[:1]), bold=line.startswith(("+++", "---"))))
    output.say("")


def _say_what_remains(repository: "Repository", environment: str, output: Output) -> None:
    import shlex
    from urllib.parse import quote

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


def _example_tag(repository: "Repository") -> str:
    """Return a tag that publishes: of the one project, else of the first with a name, since the tag has to tell it."""
    named = [source for source in repository.sources if source.name]
    source = (named or repository.sources)[0]
    tag = f"v{source.version or '1.0.0'}"
    return tag if len(repository.sources) == 1 or not named else f"{source.name}-{tag}"
