"""Options that several commands share, and what they, the environment and the project's table together mean."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from publisher.cli.output import Output, current_output

if TYPE_CHECKING:
    from publisher.building.builder import BuildOptions
    from publisher.client.url import IndexUrl
    from publisher.credentials.chain import Prompt, Target
    from publisher.project.config import ProjectConfig
    from publisher.publish.options import PublishOptions
    from publisher.secret import Credentials, Secret

Command = TypeVar("Command", bound=Callable[..., Any])

PASSWORD_VARIABLE = "PYPI_PUBLISH_PASSWORD"  # noqa: S105 - the variable's name


def _set_verbosity(ctx: click.Context, param: click.Parameter, value: int) -> None:
    if value:
        ctx.ensure_object(Output).verbosity += -value if param.name == "quiet" else value


def _set_json(ctx: click.Context, param: click.Parameter, value: bool) -> bool:  # noqa: ARG001, FBT001 - click's signature
    ctx.ensure_object(Output).as_json = value
    return value


def output_options(command: Command) -> Command:
    """Add ``-v`` and ``-q``."""
    for option in (
        click.option(
            "-q", "--quiet", count=True, expose_value=False, callback=_set_verbosity, help="Tell failures only."
        ),
        click.option(
            "-v",
            "--verbose",
            count=True,
            expose_value=False,
            callback=_set_verbosity,
            help="Show the build's own output; -vv also shows where in the code a failure came from.",
        ),
    ):
        command = option(command)
    return command


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=_set_json,
    expose_value=False,
    help="Print the result to stdout as JSON.",
)


jobs_option = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    envvar="PYPI_PUBLISH_JOBS",
    show_envvar=True,
    help="Build N projects, and send N files, at the same time.  [default: as many builds as processors, 6 files]",
)


def index_options(command: Command) -> Command:
    """Add the options that name the index and the user: values ``index_url`` and ``username``."""
    for option in (
        click.option(
            "-u",
            "--username",
            metavar="NAME",
            envvar="PYPI_PUBLISH_USERNAME",
            show_envvar=True,
            help="The user on the index.",
        ),
        click.option(
            "--index-url",
            metavar="URL",
            envvar="PYPI_PUBLISH_INDEX_URL",
            show_envvar=True,
            help="The index's root, for example https://acme--pypiserver-server.modal.run/.",
        ),
    ):
        command = option(command)
    return command


def target_options(command: Command) -> Command:
    """Add `index_options` and where the password comes from: value ``password_stdin``."""
    password = click.option(
        "--password-stdin", is_flag=True, help=f"Read the password from stdin, not from {PASSWORD_VARIABLE}."
    )
    return index_options(password(command))


def publish_options(command: Command) -> Command:
    """Add what `publish` and `upload` have in common: ``tag``, ``require_tag``, ``skip_existing`` and ``dry_run``."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Do all of it but the sending."),
        click.option(
            "--skip-existing/--no-skip-existing",
            default=None,
            envvar="PYPI_PUBLISH_SKIP_EXISTING",
            show_envvar=True,
            help="Leave a file that the index has under the same name as it is, whatever its contents.",
        ),
        click.option(
            "--require-tag/--no-require-tag",
            default=None,
            help="Fail unless a tag is given.  [key: require-tag]",
        ),
        click.option(
            "--tag",
            metavar="TAG",
            envvar="PYPI_PUBLISH_TAG",
            show_envvar=True,
            help="The version must be this tag's: v1.2.3, 1.2.3, name-v1.2.3 or name/v1.2.3.",
        ),
    ):
        command = option(command)
    return command


def build_options(command: Command) -> Command:
    """Add how to build: values ``out_dir``, ``installer``, ``sdist`` and ``wheel``."""
    for option in (
        click.option("--wheel", is_flag=True, help="Build only the wheel, straight from the source folder."),
        click.option("--sdist", is_flag=True, help="Build only the sdist."),
        click.option(
            "--installer",
            type=click.Choice(["auto", "uv", "pip"]),
            default="auto",
            show_default=True,
            help="What installs the build requirements; auto takes uv where it is.",
        ),
        click.option(
            "--out-dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="The folder that the built files go to.  [default: dist in each project]",
        ),
    ):
        command = option(command)
    return command


def resolve_build(options: Mapping[str, Any]) -> "BuildOptions":
    """Return how to build, from the values of `build_options`."""
    from publisher.building.builder import BuildOptions, default_installer, usable_processors
    from publisher.project.distributions import Kind

    asked = {kind for kind, flag in ((Kind.SDIST, "sdist"), (Kind.WHEEL, "wheel")) if options[flag]}
    installer = default_installer() if options["installer"] == "auto" else options["installer"]
    return BuildOptions(
        installer,
        frozenset(asked or Kind),
        show_output=current_output().shows_build_output,
        jobs=options["jobs"] or usable_processors(),
    )


def resolve_publish(options: Mapping[str, Any], config: "ProjectConfig") -> "PublishOptions":
    """
    Return where, as whom and on which conditions to publish, from the values of `target_options` and `publish_options`.

    Raises ConfigurationError when no index is named, CheckFailedError when a tag is required and there is none, or when
    it names no version.
    """
    from publisher.errors import CheckFailedError
    from publisher.project.tags import FORMS, parse_tag
    from publisher.publish.options import DEFAULT_CONNECTIONS, PublishOptions

    tag = parse_tag(options["tag"]) if options["tag"] else None
    if tag is None and _decide(options["require_tag"], config.require_tag):
        raise CheckFailedError(
            "A tag is required, and none is given.", hint=f"Give --tag TAG or PYPI_PUBLISH_TAG: {FORMS}."
        )
    return PublishOptions(
        resolve_target(options, config),
        tag,
        skip_existing=_decide(options["skip_existing"], config.skip_existing),
        dry_run=options["dry_run"],
        locate=current_output().runner is not None,
        connections=options["jobs"] or DEFAULT_CONNECTIONS,
    )


def _decide(option: bool | None, key: bool | None) -> bool:  # noqa: FBT001 - one kind of value in two places
    return option if option is not None else bool(key)


def project_config(projects: Sequence[Path], roots: Sequence[Path] = ()) -> "ProjectConfig":
    """
    Return what the projects' tables say together; what they leave open, the tables of roots and current folder say.

    Raises ConfigurationError when a table is invalid or two projects disagree.
    """
    from publisher.project.config import combine_configs, read_project_config

    fallback = read_project_config(Path())
    for folders in (roots, projects):
        fallback = combine_configs([read_project_config(folder) for folder in folders], fallback)
    return fallback


def resolve_index(index_url: str | None, config: "ProjectConfig", *, or_login: bool = False) -> "IndexUrl":
    """
    Return the index that option, environment or project name; with ``or_login``, else the only one logged in to.

    Raises ConfigurationError when nobody names one.
    """
    from publisher.client.url import parse_index_url
    from publisher.credentials.remembered import remembered_logins
    from publisher.errors import ConfigurationError

    if named := index_url or config.index_url:
        return parse_index_url(named)
    logins = remembered_logins()
    if or_login and len(logins) == 1:
        return logins[0].url
    known = f" You are logged in to {' and '.join(login.url.root for login in logins)}." if logins else ""
    raise ConfigurationError(
        f"No index is named.{known}",
        hint="Give --index-url URL, set PYPI_PUBLISH_INDEX_URL, or put `index-url` under [tool.pypi-publish] in "
        "pyproject.toml.",
    )


def resolve_target(options: Mapping[str, Any], config: "ProjectConfig", *, or_login: bool = False) -> "Target":
    """
    Return which index and as whom, from the values of `target_options` or a ``password`` in its place.

    ``or_login`` is for commands about a person's own account: nothing is published to an index that nobody named.

    Raises ConfigurationError when no index is named.
    """
    from publisher.credentials.chain import Target

    index = resolve_index(options["index_url"], config, or_login=or_login)
    password = options.get("password") or given_password(password_stdin=options["password_stdin"])
    return Target(index, options["username"] or config.username, password, prompt_or_none(index))


def given_password(*, password_stdin: bool) -> "Secret | None":
    """Return the password from stdin or the environment, or None where it is in neither."""
    from publisher.secret import Secret

    if password_stdin:
        return read_secret("--password-stdin")
    text = os.environ.pop(PASSWORD_VARIABLE, "")  # what runs below, a build backend say, does not get to see it
    return Secret(text) if text else None


def read_secret(option: str) -> "Secret":
    """Return the next line of stdin, which an option promised; raise UsageError when there is none."""
    from publisher.secret import Secret

    text = sys.stdin.buffer.readline().decode("utf-8", "surrogateescape").rstrip("\r\n")
    if not text:
        raise click.UsageError(f"{option} was given, and stdin is empty.")
    return Secret(text)


def can_ask() -> bool:
    """Tell whether a person sits at the terminal; a runner's terminal has nobody."""
    return current_output().runner is None and sys.stdin.isatty() and sys.stderr.isatty()


def prompt_or_none(url: "IndexUrl") -> "Prompt | None":
    """Return what asks a person for credentials, or None where nobody can be asked."""
    return (lambda username: ask(url, username)) if can_ask() else None


def ask(url: "IndexUrl", username: str | None) -> "Credentials":
    """Ask for a user name, unless it is known, and for the password."""
    from publisher.secret import Credentials, Secret

    current_output().say(f"Credentials for {url}")
    name = username or click.prompt("User name", err=True)
    return Credentials(name, Secret(click.prompt("Password", hide_input=True, err=True)), source="prompt")
