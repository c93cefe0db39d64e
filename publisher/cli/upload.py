"""The command `pypi-publish upload`."""

from pathlib import Path

import click

from publisher.cli.options.publishing import PublishArgs, jobs_option, publish_options
from publisher.cli.options.target import TargetArgs, target_options
from publisher.cli.options.verbosity import json_option, output_options


@click.command("upload")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@target_options
@publish_options
@jobs_option
@json_option
@output_options
def command(files: tuple[Path, ...], *, jobs: int | None, target: TargetArgs, publish: PublishArgs) -> None:
    """
    Check built files and upload those that the index lacks.

    FILE is a wheel or an sdist, for example dist/*. A tag that names a project selects that project's files.
    """
    from publisher.cli.run.publishing import upload_files

    upload_files(files, target, publish, jobs=jobs)
