"""Options of `users`: the place of the accounts."""

from pathlib import Path
from typing import NamedTuple

import click

from publisher.cli.options.gather import gather
from publisher.cli.options.places import FILE, admin_url_option


class AccountsArgs(NamedTuple):
    """An htpasswd file, or an index or its register-user endpoint."""

    admin_url: str | None = None
    htpasswd: Path | None = None


accounts_options = gather(
    AccountsArgs,
    "place",
    admin_url_option("The index, or the register-user endpoint of its deployment on Modal."),
    click.option(
        "--htpasswd",
        metavar="FILE",
        type=FILE,
        help="Change this file instead of the accounts of a running index.",
    ),
)
"""Add the place of the accounts; the command receives ``place: AccountsArgs``."""
