"""Options of `check`: the rules to run, and the handling of their findings."""

from typing import NamedTuple

import click

from publisher.cli.options.gather import gather


class CheckArgs(NamedTuple):
    """The kinds of rules to run (all by default), the tag to compare with, and the handling of findings."""

    only: tuple[str, ...] = ()
    fix: bool = False
    strict: bool = False
    tag: str | None = None
    explain: str | None = None


check_options = gather(
    CheckArgs,
    "check",
    click.option(
        "--only",
        type=click.Choice(["source", "version", "build"]),
        multiple=True,
        help="source: pyproject.toml and README, without a build; version: the version against index and tag; build: "
        "the built files; can be repeated.  [default: all; version if an index is named]",
    ),
    click.option("--fix", is_flag=True, help="Apply safe automatic fixes to pyproject.toml."),
    click.option("--strict", is_flag=True, help="Treat warnings as errors; also fail if the index is unreachable."),
    click.option(
        "--tag",
        metavar="TAG",
        envvar="PYPI_PUBLISH_TAG",
        show_envvar=True,
        help="Tag that the version must match.  [default: in a pre-push hook, the pushed tags]",
    ),
    click.option("--explain", metavar="CODE", help="Print a rule's reason and remedy, and check nothing."),
)
"""Add the options of `check`; the command receives ``check: CheckArgs``."""
