"""Arguments, environment and project configuration combined into the values that other modules work with."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from publisher.cli.display.output import current_output
from publisher.cli.options.publishing import PublishArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.prompts import prompt_or_none, read_secret
from publisher.client.url import IndexUrl, parse_index_url
from publisher.credentials.chain import Target
from publisher.credentials.remembered import remembered_logins
from publisher.credentials.trusted import TrustedLogin, TrustedMode
from publisher.errors import HOW_TO_NAME_AN_INDEX, CheckFailedError, ConfigurationError
from publisher.project.config import ProjectConfig, combine_configs, read_project_config
from publisher.project.tags import FORMS, parse_tag
from publisher.publish.options import DEFAULT_CONNECTIONS, PublishOptions
from publisher.secret import Secret


def resolve_publish(
    target: TargetArgs, args: PublishArgs, config: ProjectConfig, *, jobs: int | None
) -> PublishOptions:
    """
    Return index, account and conditions of an upload; ``jobs`` is the number of connections.

    Raises ConfigurationError when no index is named, CheckFailedError when a required tag is missing or names no
    version.
    """
    tag = parse_tag(args.tag, args.tag_prefix or config.tag_prefix) if args.tag else None
    if tag is None and _decide(args.require_tag, config.require_tag):
        raise CheckFailedError("A tag is required.", hint=f"Pass --tag TAG, or set PYPI_PUBLISH_TAG: {FORMS}.")
    return PublishOptions(
        replace(resolve_target(target, config), trusted=resolve_trusted(args.trusted_publishing, config)),
        tag,
        skip_existing=_decide(args.skip_existing, config.skip_existing),
        dry_run=args.dry_run,
        allow_dirty=args.allow_dirty,
        locate=current_output().runner is not None,
        connections=jobs or DEFAULT_CONNECTIONS,
    )


def resolve_trusted(mode: str | None, config: ProjectConfig) -> TrustedLogin | None:
    """Return the identity of this CI job; None where it is not to be used."""
    chosen = TrustedMode(mode or config.trusted_publishing or TrustedMode.AUTO)
    if chosen is TrustedMode.NEVER:
        return None
    output = current_output()
    return TrustedLogin(chosen, os.environ, output.hide, output.say)


def _decide(option: bool | None, key: bool | None) -> bool:  # noqa: FBT001 - one kind of value in two places
    return option if option is not None else bool(key)


def project_config(projects: Sequence[Path], roots: Sequence[Path] = ()) -> ProjectConfig:
    """
    Return the combined configuration of the projects; the roots' and the current folder's fill the gaps.

    Raises ConfigurationError when a table is invalid or two projects disagree.
    """
    fallback = read_project_config(Path())
    for folders in (roots, projects):
        fallback = combine_configs([read_project_config(folder) for folder in folders], fallback)
    return fallback


def resolve_index(index_url: str | None, config: ProjectConfig, *, or_login: bool = False) -> IndexUrl:
    """
    Return the index that option, environment or project name; with ``or_login``, else the only one with a login.

    Raises ConfigurationError when none is named.
    """
    if named := index_url or config.index_url:
        return parse_index_url(named)
    logins = remembered_logins()
    if or_login and len(logins) == 1:
        return logins[0].url
    known = f" You are logged in to {' and '.join(login.url.root for login in logins)}." if logins else ""
    raise ConfigurationError(
        f"No index URL is set.{known}",
        hint=HOW_TO_NAME_AN_INDEX,
    )


def named_target(args: TargetArgs) -> TargetArgs:
    """
    Return arguments with the URL and account of the server that ``--repository`` names in .pypirc.

    Name and password given in another way come first. Raises ConfigurationError if the server is not in the file.
    """
    if args.repository is None:
        return args
    from publisher.credentials.pypirc import read_server

    server = read_server(args.repository)
    given = given_password(args)
    return args._replace(
        repository=None,
        index_url=server.url,
        username=args.username or server.username,
        password_stdin=False,
        password=given or server.password,
    )


def resolve_target(args: TargetArgs, config: ProjectConfig, *, or_login: bool = False) -> Target:
    """
    Return the index and the account to use.

    ``or_login`` is for commands about a person's own account; publishing needs an index that is named.

    Raises ConfigurationError when no index is named.
    """
    args = named_target(args)
    index = resolve_index(args.index_url, config, or_login=or_login)
    return Target(index, args.username or config.username, given_password(args), prompt_or_none(index))


def given_password(args: TargetArgs) -> Secret | None:
    """Return the password that the caller, stdin or the environment gives, or None."""
    if args.password is not None:
        return args.password
    if args.password_stdin:
        return read_secret("--password-stdin")
    text = os.environ.pop("PYPI_PUBLISH_PASSWORD", "")  # removed, so that a build backend never sees it
    return Secret(text) if text else None
