"""The command `pypi-publish build`."""

from pathlib import Path

import click

from publisher.cli.options.building import BuildArgs, build_options
from publisher.cli.options.publishing import jobs_option
from publisher.cli.options.verbosity import json_option, output_options


@click.command("build")
@click.argument("projects", metavar="[SRC]...", nargs=-1, type=click.Path(path_type=Path))
@build_options
@jobs_option
@json_option
@output_options
def command(projects: tuple[Path, ...], *, jobs: int | None, build: BuildArgs) -> None:
    """
    Build sdist and wheel of projects, check them, and print the files' paths.

    SRC is a folder with a pyproject.toml, by default the current folder. For the root of a workspace, all
    its projects are built.
    """
    from publisher.cli.run.publishing import build_projects

    build_projects(projects or (Path(),), build, jobs=jobs)
