"""The command `pypi-publish publish`."""

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from publisher.cli.options import (
    build_options,
    jobs_option,
    json_option,
    output_options,
    project_config,
    publish_options,
    resolve_build,
    resolve_publish,
    target_options,
)
from publisher.cli.output import current_output
from publisher.cli.progress import make_observer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from publisher.report import Report


@click.command("publish")
@click.argument("projects", metavar="[SRC]...", nargs=-1, type=click.Path(path_type=Path))
@target_options
@publish_options
@build_options
@jobs_option
@json_option
@output_options
def command(projects: tuple[Path, ...], **options: Any) -> None:
    """
    Build projects and upload what the index does not have yet.

    SRC is a folder with a pyproject.toml; without any it is the current folder. The built files are checked first, and
    nothing is sent when one of them is wrong or is on the index with other contents. A tag that names a project chooses
    that project.
    """
    publish_projects(projects or (Path(),), options)


def publish_projects(folders: "Sequence[Path]", options: "Mapping[str, Any]") -> "Report":
    """Build projects, publish them, and tell what became of them; the options are those of `publish`."""
    from publisher.ahead import Ahead
    from publisher.building import require_project
    from publisher.making import build_and_check
    from publisher.pyproject import read_source
    from publisher.tags import select_sources

    for folder in folders:
        require_project(folder)
    run = resolve_publish(options, project_config(folders))
    sources = [read_source(folder) for folder in folders]
    if run.tag is not None:
        sources = select_sources(run.tag, sources)
    ahead = Ahead(run.target, (source.name for source in sources if source.name))
    with closing(ahead), closing(make_observer(current_output())) as observer:
        folders = [source.folder for source in sources]
        distributions = build_and_check(folders, options["out_dir"], resolve_build(options), observer)
        from publisher.publish import publish  # now: what it needs was imported while the build ran

        report = publish(distributions, run, observer, ahead)
    show(report)
    return report


def show(report: "Report") -> None:
    """Tell people, in GitHub Actions the runner, and with ``--json`` programs what became of the files."""
    from publisher.cli.step_summary import outputs_of, summary_of
    from publisher.cli.summary import show_report

    output = current_output()
    show_report(report, output)
    if output.runner is not None:
        output.runner.set_outputs(outputs_of(report))
        output.runner.add_summary(summary_of(report))
    if output.as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
