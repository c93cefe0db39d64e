"""Publishing whose build begins before most of the program is loaded: uv installs the backend meanwhile."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.cli.options.building import BuildArgs
from publisher.cli.options.publishing import PublishArgs
from publisher.cli.options.target import TargetArgs
from publisher.cli.run.builds.options import resolve_build
from publisher.errors import PublishError
from publisher.project.pyproject import require_project
from publisher.project.workspace import find_projects
from publisher.publish.last_published import is_new

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
) -> None:
    """Do the same as `publisher.cli.run.publishing.publish_projects`, which prints the outcome."""
    with _begun([] if since else folders, build, jobs) as builder:
        from publisher.cli.run.publishing import publish_projects as publish_begun

        publish_begun(folders, target, publish, build, jobs=jobs, since=since, begun=builder)


@contextmanager
def _begun(folders: Sequence[Path], build: BuildArgs, jobs: int | None) -> "Iterator[Builder | None]":
    """
    Open the builder of a single project, and prepare its build unless it may be published as it is.

    It is None for other folders, and for failures, which are raised where the project is published.
    """
    builder = None
    try:
        with suppress(PublishError):
            for folder in folders:
                require_project(folder)
            projects = find_projects(folders)
            if len(projects) == 1 and is_new(projects[0]):
                from publisher.building.builder import Builder

                builder = Builder(resolve_build(build, jobs, projects))
                builder.prepare(projects)
        yield builder
    finally:
        if builder is not None:
            builder.close()
