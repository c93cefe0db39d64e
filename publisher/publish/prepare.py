"""From project folders to checked distributions."""

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from publisher.building.builder import Builder
from publisher.building.hooks import ignore_output
from publisher.errors import BuildFailedError
from publisher.project.distributions import Distribution
from publisher.publish.built_files import read_files
from publisher.publish.events import Observer, SerializedObserver


def import_for_build() -> None:
    """Import the large modules that a build needs, while uv installs."""
    import publisher.building.failures  # noqa: PLC0415
    import publisher.building.sdists  # noqa: PLC0415
    import publisher.checks.engine  # noqa: F401, PLC0415


def build_and_check(
    builder: Builder, projects: Sequence[Path], out_dir: Path | None, observer: Observer
) -> list[Distribution]:
    """
    Check projects, build each into ``out_dir`` or its own ``dist`` folder, and check the files.

    Raises the errors of `build_projects`, and CheckFailedError for files that may not be published and, before the
    build, for mistakes in the sources that would end it.
    """
    from publisher.checks.engine import enforce_files, enforce_source  # noqa: PLC0415 - uv installs meanwhile

    warnings = enforce_source(projects)
    built = build_projects(builder, projects, out_dir, observer)
    distributions = read_files(file for files in built for file in files)
    for project, files in zip(projects, built, strict=True):
        names = {path.name for path in files}
        warnings += enforce_files([each for each in distributions if each.filename in names], project)
    observer.checked(distributions, [*map(str, warnings)])
    return distributions


def build_projects(
    builder: Builder, projects: Sequence[Path], out_dir: Path | None, observer: Observer
) -> list[list[Path]]:
    """Build projects, several at the same time, and return each one's files; raises the errors of `Builder.build`."""
    if len(projects) == 1 or builder.options.jobs == 1:
        return [_build_alone(builder, project, out_dir, observer) for project in projects]
    return _build_concurrently(builder, projects, out_dir, observer)


def _build_alone(builder: Builder, project: Path, out_dir: Path | None, observer: Observer) -> list[Path]:
    """Build one project, passing its backend's output on as it comes."""
    observer.building(project)
    on_output = partial(observer.output, project) if builder.options.show_output else ignore_output
    files = builder.build(project, out_dir or project / "dist", on_output)
    observer.built(project, files)
    return files


def _build_concurrently(
    builder: Builder, projects: Sequence[Path], out_dir: Path | None, observer: Observer
) -> list[list[Path]]:
    """Build several projects at the same time; the first failure stops all of them."""
    serialized = SerializedObserver(observer)
    with ThreadPoolExecutor(builder.options.jobs) as pool:
        futures = [pool.submit(_build_buffered, builder, project, out_dir, serialized) for project in projects]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done():
                    future.result()  # raises the first failure in the order of the projects
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            builder.close()
            raise


def _build_buffered(builder: Builder, project: Path, out_dir: Path | None, observer: SerializedObserver) -> list[Path]:
    """Build one of several projects, passing its backend's output on at the end and in one piece."""
    observer.building(project)
    output = bytearray()
    files: list[Path] = []
    try:
        files = builder.build(project, out_dir or project / "dist", output.extend)
    except BuildFailedError as error:
        error.message = f"{project}: {error.message}"
        raise
    finally:
        with observer.together():
            if builder.options.show_output and output:
                observer.output(project, bytes(output))
            if files:
                observer.built(project, files)
    return files
