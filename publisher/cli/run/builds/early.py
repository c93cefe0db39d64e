"""Builds that begin before most of the program is loaded: uv installs the backend in the meantime."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from publisher.cli.options.building import BuildArgs
from publisher.cli.run.builds.options import resolve_build
from publisher.errors import PublishError
from publisher.project.pyproject import require_project
from publisher.project.workspace import find_projects
from publisher.publish.last_published import is_new

if TYPE_CHECKING:
    from publisher.building.builder import Builder


@contextmanager
def begin_build(folders: Sequence[Path], build: BuildArgs, jobs: int | None) -> "Iterator[Builder | None]":
    """
    Yield the builder of a single project; its build has begun, unless there may be nothing new to build.

    Yields None if the folders are not a single project, or after a failure; publishing the project then raises it.
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
