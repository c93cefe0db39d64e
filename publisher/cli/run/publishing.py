"""Building projects and uploading files."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.cli.display.output import current_output
from publisher.cli.display.progress import make_observer
from publisher.cli.display.report import show_report
from publisher.cli.display.step_summary import outputs_of, summary_of
from publisher.cli.options.building import BuildArgs
from publisher.cli.options.publishing import PublishArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.builds.options import resolve_build, resolve_kinds
from publisher.cli.run.resolve import project_config, resolve_publish
from publisher.credentials.chain import Target
from publisher.project.distributions import Distribution
from publisher.project.git import is_changed_since
from publisher.project.pyproject import read_source, require_project
from publisher.project.tags import select_distributions, select_sources
from publisher.project.workspace import find_projects
from publisher.publish.options import BuildRequest
from publisher.publish.report import Report, files_as_json

if TYPE_CHECKING:
    from publisher.building.builder import Builder


def publish_projects(  # noqa: PLR0913 - one argument for each group of options
    folders: Sequence[Path],
    target: TargetArgs,
    publish: PublishArgs,
    build: BuildArgs,
    *,
    jobs: int | None = None,
    since: str | None = None,
    begun: "Builder | None" = None,
) -> Report:
    """
    Build projects, publish them, and print the outcome for each file.

    ``begun`` is a builder that was opened for a single project with the same options.
    """
    from publisher.publish.pipeline import publish_projects as run_pipeline  # the build, which `upload` does without

    for folder in folders:
        require_project(folder)
    projects = find_projects(folders)
    options = resolve_publish(target, publish, project_config(projects, folders), jobs=jobs)
    if since:
        projects = [project for project in projects if is_changed_since(project, since)]
    sources = [read_source(project) for project in projects]
    if options.tag is not None:
        sources = select_sources(options.tag, sources)
    with closing(make_observer(current_output())) as observer, burning(options.target):
        resolve = partial(resolve_build, build, jobs, projects)
        request = BuildRequest(resolve_kinds(build), build.out_dir, resolve, begun)
        report = run_pipeline(sources, request, options, observer)
    _show(report)
    return report


def build_projects(folders: Sequence[Path], build: BuildArgs, *, jobs: int | None) -> None:
    """Build projects, check the files, and print their paths."""
    from publisher.building.builder import Builder
    from publisher.publish.prepare import build_and_check

    projects = find_projects(folders)
    with (
        closing(make_observer(current_output())) as observer,
        closing(Builder(resolve_build(build, jobs, projects), observer.warned)) as builder,
    ):
        builder.prepare(projects)
        built = build_and_check(builder, projects, build.out_dir, observer)
    _print_files(built)


def upload_files(files: Sequence[Path], target: TargetArgs, publish: PublishArgs, *, jobs: int | None = None) -> Report:
    """Publish built files and print the outcome for each."""
    from publisher.publish.built_files import check_distributions, read_files
    from publisher.publish.prefetch import IndexPrefetch
    from publisher.publish.upload import publish_files  # the HTTP client, which `build` does without

    options = resolve_publish(target, publish, project_config([]), jobs=jobs)
    with closing(make_observer(current_output())) as observer, burning(options.target):
        distributions = read_files(files)
        chosen = select_distributions(options.tag, distributions) if options.tag else distributions
        with closing(IndexPrefetch(options.target, (each.name for each in chosen))) as prefetch:
            check_distributions(distributions, observer)
            report = publish_files(chosen, options, observer, prefetch)
    _show(report)
    return report


@contextmanager
def burning(target: Target) -> Iterator[None]:
    """End the upload token of trusted publishing with the body, whether that succeeds or fails."""
    try:
        yield
    finally:
        if target.trusted is not None:
            target.trusted.burn()


def check_only(files: Sequence[Path]) -> None:
    """Check built files, and ask no index about them."""
    from publisher.publish.built_files import check_files

    with closing(make_observer(current_output())) as observer:
        check_files(files, observer)


def _show(report: Report) -> None:
    """Show the outcome to people, the runner in GitHub Actions, and with ``--json`` to programs."""
    output = current_output()
    show_report(report, output)
    if output.runner is not None:
        output.runner.set_outputs(outputs_of(report))
        output.runner.add_summary(summary_of(report))
    if output.as_json:
        output.result(json.dumps(report.as_json(), indent=2))


def _print_files(distributions: Sequence[Distribution]) -> None:
    if current_output().as_json:
        current_output().result(json.dumps({"files": files_as_json(distributions)}, indent=2))
        return
    for distribution in distributions:
        current_output().result(str(distribution.path))
