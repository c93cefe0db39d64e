"""The command `pypi-publish init`."""

from pathlib import Path

import click

from publisher.cli.options.repository import InitArgs, init_options
from publisher.cli.options.target import TargetArgs, index_options
from publisher.cli.options.verbosity import output_options


@click.command("init")
@click.argument(
    "folder", metavar="[FOLDER]", default=".", type=click.Path(file_okay=False, exists=True, path_type=Path)
)
@index_options
@init_options
@output_options
def command(folder: Path, *, target: TargetArgs, init: InitArgs) -> None:
    """
    Set up a GitHub repository to publish on every tag.

    Writes a workflow, [tool.pypi-publish] in pyproject.toml, and the pre-commit hooks; shows each change first, and
    lists the remaining steps. FOLDER is a project, or contains several.
    """
    from publisher.cli.run.repository import set_up_repository

    set_up_repository(folder, target, init)
