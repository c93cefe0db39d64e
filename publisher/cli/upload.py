"""The command `pypi-publish upload`."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.cli.options import (
    jobs_option,
    json_option,
    output_options,
    project_config,
    publish_options,
    resolve_publish,
    target_options,
)
from publisher.cli.output import current_output
from publisher.cli.progress import make_observer
from publisher.cli.publish import show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from publisher.publish.report import Report


@click.command("upload")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@target_options
@publish_options
@jobs_option
@json_option
@output_options
def command(files: tuple[Path, ...], **options: Any) -> None:
    """
    Check built files and upload what the index does not have yet.

    FILE is a wheel or an sdist, for example dist/*. A tag that names a project chooses that project's files.
    """
    upload_files(files, options)


def upload_files(files: "Sequence[Path]", options: "Mapping[str, Any]") -> "Report":
    """Publish built files and tell what became of them; the options are those of `upload`."""
    from publisher.project.tags import select_distributions
    from publisher.publish.prepare import check_files
    from publisher.publish.upload import publish

    run = resolve_publish(options, project_config([]))
    with closing(make_observer(current_output())) as observer:
        distributions = check_files(files, observer)
        chosen = select_distributions(run.tag, distributions) if run.tag else distributions
        report = publish(chosen, run, observer)
    show(report)
    return report
