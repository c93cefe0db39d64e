"""Options of `init`: contents of the workflow, and whether to ask before writing."""

from typing import NamedTuple

import click

from publisher.cli.options.gather import gather


class InitArgs(NamedTuple):
    """The action, environment and hooks to write, and on which conditions."""

    action: str | None = None
    environment: str = "release"
    hooks: bool = True
    secrets: bool = False
    dry_run: bool = False
    yes: bool = False
    force: bool = False


init_options = gather(
    InitArgs,
    "init",
    click.option(
        "--action",
        metavar="OWNER/REPOSITORY@COMMIT",
        envvar="PYPI_PUBLISH_ACTION",
        show_envvar=True,
        help="Publish action to use.  [default: from where this command was installed]",
    ),
    click.option(
        "--environment",
        default="release",
        show_default=True,
        metavar="NAME",
        help="GitHub environment of the publishing job.",
    ),
    click.option("--secrets", is_flag=True, help="Use an account's secrets, for an index without trusted publishing."),
    click.option("--hooks/--no-hooks", default=True, show_default=True, help="Add the pre-commit hooks."),
    click.option("--dry-run", is_flag=True, help="Show what would be written."),
    click.option("--yes", is_flag=True, help="Write without asking, except over a workflow that differs."),
    click.option("--force", is_flag=True, help="Replace a workflow that differs, too."),
)
"""Add the options of `init`; the command receives ``init: InitArgs``."""
