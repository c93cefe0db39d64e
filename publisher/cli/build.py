"""The command `pypi-publish build`."""

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.cli.options import build_options, jobs_option, json_option, output_options, resolve_build
from publisher.cli.output import current_output
from publisher.cli.progress import make_observer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from publisher.project.distributions import Distribution


@click.command("build")
@click.argument("projects", metavar="[SRC]...", nargs=-1, type=click.Path(path_type=Path))
@build_options
@jobs_option
@json_option
@output_options
def command(projects: tuple[Path, ...], **options: Any) -> None:
    """
    Build sdist and wheel of projects, check them, and print the files' paths.

    SRC is a folder with a pyproject.toml; without any it is the current folder. The root of a workspace stands for its
    projects.
    """
    from publisher.project.workspace import find_projects
    from publisher.publish.prepare import build_and_check

    folders = find_projects(projects or (Path(),))
    with closing(make_observer(current_output())) as observer:
        built = build_and_check(folders, options["out_dir"], resolve_build(options), observer)
    print_files(built)


def print_files(distributions: "Sequence[Distribution]") -> None:
    """Print the paths of files to stdout or, with ``--json``, what is known of them."""
    from publisher.publish.report import files_as_json

    if current_output().as_json:
        click.echo(json.dumps({"files": files_as_json(distributions)}, indent=2))
    else:
        for distribution in distributions:
            click.echo(distribution.path)
