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

    from publisher.publish.report import Report


@click.command("publish")
@click.argument("projects", metavar="[SRC]...", nargs=-1, type=click.Path(path_type=Path))
@target_options
@publish_options
@build_options
@click.option("--since", metavar="REF", help="Take only projects with changes since a commit, tag or branch.")
@jobs_option
@json_option
@output_options
def command(projects: tuple[Path, ...], **options: Any) -> None:
    """
    Build projects and upload what the index does not have yet.

    SRC is a folder with a pyproject.toml; without any it is the current folder. The root of a workspace stands for its
    projects. The built files are checked first, and nothing is published when one of them is wrong or is on the index
    with other contents. A tag that names a project chooses that project.
    """
    publish_projects(projects or (Path(),), options)


def publish_projects(folders: "Sequence[Path]", options: "Mapping[str, Any]") -> "Report":
    """Build projects, publish them, and tell what became of them; the options are those of `publish`."""
    from publisher.building.builder import require_project
    from publisher.project.git import is_changed_since
    from publisher.project.pyproject import read_source
    from publisher.project.tags import select_sources
    from publisher.project.workspace import find_projects
    from publisher.publish.pipeline import release

    for folder in folders:
        require_project(folder)
    projects = find_projects(folders)
    run = resolve_publish(options, project_config(projects, folders))
    if ref := options.get("since"):
        projects = [project for project in projects if is_changed_since(project, ref)]
    sources = [read_source(project) for project in projects]
    if run.tag is not None:
        sources = select_sources(run.tag, sources)
    with closing(make_observer(current_output())) as observer:
        report = release(sources, options["out_dir"], resolve_build(options), run, observer)
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
