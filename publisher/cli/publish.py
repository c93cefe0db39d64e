"""The command `pypi-publish publish`."""

from pathlib import Path

import click

from publisher.cli.options.building import BuildArgs, build_options
from publisher.cli.options.publishing import PublishArgs, jobs_option, publish_options
from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("publish")
@click.argument("projects", metavar="[SRC]...", nargs=-1, type=click.Path(path_type=Path))
@target_options
@publish_options
@build_options
@click.option("--since", metavar="REF", help="Publish only projects that changed since a commit, tag or branch.")
@jobs_option
@json_option
@output_options
def command(  # noqa: PLR0913 - one argument for each group of options
    projects: tuple[Path, ...],
    *,
    since: str | None,
    jobs: int | None,
    target: TargetArgs,
    publish: PublishArgs,
    build: BuildArgs,
) -> None:
    """
    Build projects and upload the files that the index lacks.

    SRC is a folder with a pyproject.toml, by default the current folder. For the root of a workspace, all
    its projects are built. The built files are checked first; nothing is published if one of them fails a check or is
    on the index with other contents. A tag that names a project selects that project.
    """
    from publisher.cli.run.builds.early import begin_build

    folders = projects or (Path(),)
    with begin_build(() if since else folders, build, jobs) as begun:
        from publisher.cli.run.publishing import publish_projects

        publish_projects(folders, target, publish, build, jobs=jobs, since=since, begun=begun)
