"""Options that name the index, the account and its password."""

from typing import NamedTuple

import click

from publisher.cli.options.gather import gather
from publisher.cli.options.places import index_url_option, username_option
from publisher.secret import Secret


class TargetArgs(NamedTuple):
    """
    The index and account as they were given; None where the project's configuration decides.

    ``password`` is for callers that have it already; a command line reads it from stdin or the environment.
    """

    index_url: str | None = None
    username: str | None = None
    password_stdin: bool = False
    password: Secret | None = None
    repository: str | None = None


_OPTIONS = (
    index_url_option,
    click.option("-r", "--repository", metavar="NAME", help="Index and account of this name in ~/.pypirc."),
    username_option("Account on the index."),
)
_PASSWORD = click.option(
    "--password-stdin", is_flag=True, help="Read the password from stdin instead of PYPI_PUBLISH_PASSWORD."
)

index_options = gather(TargetArgs, "target", *_OPTIONS)
"""Add ``--index-url``, ``--repository`` and ``--username``; the command receives ``target: TargetArgs``."""

target_options = gather(TargetArgs, "target", *_OPTIONS, _PASSWORD)
"""Add `index_options` and ``--password-stdin``; the command receives ``target: TargetArgs``."""
