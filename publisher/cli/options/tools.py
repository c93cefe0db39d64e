"""Options of `config`: which tool, where, and how the index is used."""

from typing import NamedTuple

import click

from publisher.cli.options.gather import gather

SCOPES = ("user", "site", "global", "project")


class ConfigArgs(NamedTuple):
    """The change of a tool's configuration and its values; None where index or tool decide."""

    everything: bool = False
    write: bool = False
    remove: bool = False
    dry_run: bool = False
    scope: str | None = None
    name: str | None = None
    packages: tuple[str, ...] = ()
    only_index: bool | None = None
    embed_credentials: bool = False
    as_variables: bool = False


config_options = gather(
    ConfigArgs,
    "config",
    click.option("--all", "everything", is_flag=True, help="Configure every tool on this machine."),
    click.option("--write", is_flag=True, help="Merge the configuration into the tool's file."),
    click.option("--remove", is_flag=True, help="Remove what --write added."),
    click.option("--dry-run", is_flag=True, help="Show what --write or --remove would change."),
    click.option(
        "--scope",
        type=click.Choice(SCOPES),
        help="user: your account; site: the active virtual environment; global: every account; project: this folder's "
        "pyproject.toml.  [default: depends on the tool]",
    ),
    click.option("--name", metavar="NAME", help="Name of the index in the files.  [default: from its host]"),
    click.option(
        "--package",
        "packages",
        multiple=True,
        metavar="NAME",
        help="Private package to take from the index; can be repeated.  [default: all that the index lists]",
    ),
    click.option(
        "--only-index/--beside-public",
        default=None,
        help="Make the index the only one, or use it beside the public index.  [default: ask the index]",
    ),
    click.option("--embed-credentials", is_flag=True, help="Write the password to the file, readable only by you."),
    click.option("--env", "as_variables", is_flag=True, help="Print `export` lines for a CI job."),
)
"""Add the options of `config`; the command receives ``config: ConfigArgs``."""
