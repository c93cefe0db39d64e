"""Options that several groups have: the index, the account, and the administered index with its files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Option = Callable[[Any], Any]

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)

index_url_option = click.option(
    "--index-url", metavar="URL", envvar="PYPI_PUBLISH_INDEX_URL", show_envvar=True, help="Root URL of the index."
)


def username_option(help_text: str) -> Option:
    """Return ``--username``."""
    return click.option(
        "-u", "--username", metavar="NAME", envvar="PYPI_PUBLISH_USERNAME", show_envvar=True, help=help_text
    )


def admin_url_option(help_text: str) -> Option:
    """Return ``--admin-url``, a running index that is administered."""
    return click.option(
        "--admin-url",
        "--index-url",
        metavar="URL",
        envvar=["PYPI_PUBLISH_ADMIN_URL", "PYPI_PUBLISH_INDEX_URL"],
        show_envvar=True,
        help=help_text,
    )
