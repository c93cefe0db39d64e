"""Facts that only the index knows: valid passwords, its packages and their dependencies, whether it proxies others."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from publisher.cli.display.output import current_output
from publisher.cli.options.tools import ConfigArgs
from publisher.client.client import IndexClient
from publisher.credentials.chain import Target, find_credentials
from publisher.credentials.login import prove
from publisher.errors import PublishError, RefusedCredentialsError
from publisher.files.changes import read_text
from publisher.files.toml import read_toml
from publisher.machine.paths import Machine
from publisher.machine.tools.transitive import direct_dependencies, look_up_private_dependencies
from publisher.project.pyproject import FILENAME
from publisher.secret import Credentials


def checked_credentials(target: Target) -> Credentials:
    """
    Return the credentials of an index after it has checked them; warn when it can't.

    Raises RefusedCredentialsError when it refuses them, CredentialsError when there are none.
    """
    credentials = find_credentials(target)
    try:
        prove(target.url, credentials)
    except RefusedCredentialsError as error:
        raise RefusedCredentialsError(
            f"{error.message} Nothing was written.",
            hint="Pass the right password, or ask the index's administrator for an account.",
        ) from error
    except PublishError as error:
        current_output().warn(f"The password of {credentials.username!r} was not checked. {error.message}")
    return credentials


def ask_facts(
    target: Target, credentials: Credentials | None, args: ConfigArgs, machine: Machine, *, in_project: bool
) -> tuple[bool, list[str], dict[str, set[str]]]:
    """
    Return whether the index proxies public packages, its packages, and the private dependencies of a project's own.

    Values that the options give are not asked for. Raises PublishError when a project's packages are unknown.
    """
    proxies_public, packages = args.only_index, list(args.packages)
    if proxies_public is None or (in_project and not packages):
        try:
            found, listed = _ask(target, credentials)
        except PublishError as error:
            if in_project and not packages:
                raise
            current_output().warn(
                f"Can't find out whether the index serves public packages; assuming that it does not. {error.message}"
            )
            found, listed = False, []
        proxies_public = found if proxies_public is None else proxies_public
        packages = packages or listed
    dependencies = (
        _private_dependencies(target, credentials, machine, packages) if in_project and not proxies_public else {}
    )
    return proxies_public, packages, dependencies


def _ask(target: Target, credentials: Credentials | None) -> tuple[bool, list[str]]:
    """Return whether the index passes on the names that it does not own, and the names of the projects on it."""
    # no prompt for a password just to look something up
    credentials = credentials or find_credentials(replace(target, prompt=None))

    with closing(IndexClient(target.url, credentials)) as connection:
        return connection.whoami().passes_on, sorted(connection.projects())


def _private_dependencies(
    target: Target, credentials: Credentials | None, machine: Machine, packages: Sequence[str]
) -> dict[str, set[str]]:
    """Return the names that the dependencies of the project in the machine's folder need from the index."""
    direct = direct_dependencies(read_toml(read_text(machine.folder / FILENAME) or ""))
    try:
        credentials = credentials or find_credentials(replace(target, prompt=None))
        return look_up_private_dependencies(target.url, credentials, direct, packages)
    except PublishError as error:
        current_output().warn(
            "Can't find out which packages of the index depend on each other; pass all of them with --package. "
            f"{error.message}"
        )
        return {}
