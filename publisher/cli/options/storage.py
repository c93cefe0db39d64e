"""Options of `storage`: the index whose storage is administered."""

from pathlib import Path
from typing import NamedTuple

import click

from publisher.cli.options.gather import gather
from publisher.cli.options.places import FILE, admin_url_option


class StorageArgs(NamedTuple):
    """A running index, or the folder and the accounts file of one on this machine."""

    admin_url: str | None = None
    root: Path | None = None
    htpasswd: Path = Path(".htpasswd")
    state: Path | None = None


storage_options = gather(
    StorageArgs,
    "place",
    admin_url_option("A running index; needs the admin token."),
    click.option(
        "--root",
        metavar="DIR",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        help="Package folder on this machine, instead of a running index.",
    ),
    click.option(
        "-P",
        "--htpasswd",
        metavar="FILE",
        default=StorageArgs().htpasswd,
        show_default=True,
        type=FILE,
        help="Accounts file of the index with that folder.",
    ),
    click.option(
        "--state",
        metavar="FILE",
        type=FILE,
        help="List of owned names, if not beside the accounts.",
    ),
)
"""Add the place of a storage; the command receives ``place: StorageArgs``."""
