"""Options of `upstream` and `projects`: a running index, or the folders of one on this machine."""

from pathlib import Path
from typing import NamedTuple

import click

from publisher.cli.options.gather import gather
from publisher.cli.options.places import FILE, FOLDER, admin_url_option


class PublicPackagesArgs(NamedTuple):
    """A running index, or its package folder, cache and upstream."""

    admin_url: str | None = None
    root: Path | None = None
    htpasswd: Path = Path(".htpasswd")
    state: Path | None = None
    upstream: str = ""
    upstream_cache: Path | None = None
    upstream_policy: Path | None = None
    cooldown: str = ""


public_packages_options = gather(
    PublicPackagesArgs,
    "place",
    admin_url_option("Running index."),
    click.option("--root", metavar="DIR", type=FOLDER, help="Package folder of an index here, instead of a URL."),
    click.option(
        "--htpasswd",
        metavar="FILE",
        type=FILE,
        default=Path(".htpasswd"),
        envvar="PYPI_INDEX_HTPASSWD",
        show_envvar=True,
        help="With --root: accounts file.",
    ),
    click.option(
        "--state",
        metavar="FILE",
        type=FILE,
        envvar="PYPI_INDEX_STATE",
        show_envvar=True,
        help="With --root: list of owned names, if not beside the accounts.",
    ),
    click.option(
        "--upstream",
        metavar="URL",
        default="",
        envvar="PYPI_INDEX_UPSTREAM",
        show_envvar=True,
        help="With --root: public index to fetch packages from.",
    ),
    click.option(
        "--upstream-cache",
        metavar="DIR",
        type=FOLDER,
        envvar="PYPI_INDEX_UPSTREAM_CACHE",
        show_envvar=True,
        help="With --root: folder for public files.",
    ),
    click.option(
        "--upstream-policy",
        metavar="FILE",
        type=FILE,
        envvar="PYPI_INDEX_UPSTREAM_POLICY",
        show_envvar=True,
        help="With --root: upstreams by name, and denied versions, in TOML.",
    ),
    click.option(
        "--cooldown",
        metavar="AGE",
        default="",
        envvar="PYPI_INDEX_COOLDOWN",
        show_envvar=True,
        help="With --root: hide public files younger than this.",
    ),
)
"""Add the place of the public packages; the command receives ``place: PublicPackagesArgs``."""
