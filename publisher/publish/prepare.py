"""Making what is published: projects are built, several at the same time, and the files are checked."""

from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from pathlib import Path

from publisher.building.builder import Builder, BuildOptions
from publisher.building.hooks import ignore
from publisher.errors import BuildFailedError, CheckFailedError, ConfigurationError
from publisher.project.distributions import Distribution, read_distribution
from publisher.publish.events import Observer, OneAtATime


def build_and_check(
    projects: Sequence[Path], out_dir: Path | None, options: BuildOptions, observer: Observer
) -> list[Distribution]:
    """Build projects and check their files as `make` does, with environments of their own."""
    with closing(Builder(options)) as builder:
        builder.get_ready(projects)
        return make(builder, projects, out_dir, observer)


def make(builder: Builder, projects: Sequence[Path], out_dir: Path | None, observer: Observer) -> list[Distribution]:
    """
    Build projects, each into ``out_dir`` or its own ``dist`` folder, and check the files of all of them.

    Raises what `build` and `check_files` raise.
    """
    built = build(builder, projects, out_dir, observer)
    return check_files((file for files in built for file in files), observer)


def build(builder: Builder, projects: Sequence[Path], out_dir: Path | None, observer: Observer) -> list[list[Path]]:
    """Build projects, as `Builder.build` does and raises, and return the files of each of them."""
    if len(projects) == 1 or builder.options.jobs == 1:
        return [_build_shown(builder, project, out_dir, observer) for project in projects]
    return _build_at_once(builder, projects, out_dir, observer)


def check_files(files: Iterable[Path], observer: Observer) -> list[Distribution]:
    """
    Read files and return them as distributions that may be published together.

    Raises ConfigurationError for a file that isn't there, CheckFailedError for every other reason not to publish.
    """
    from publisher.checks.metadata import check, warnings  # noqa: PLC0415 - takes its time, which the build covers

    distributions = read_files(files)
    check(distributions)
    observer.checked(distributions, [str(finding) for finding in warnings(distributions)])
    return distributions


def read_files(files: Iterable[Path]) -> list[Distribution]:
    """
    Read files, each of them once.

    Raises ConfigurationError for a file that isn't there and for two of one name, CheckFailedError for one that is
    neither a wheel nor an sdist.
    """
    distributions = [_read(path) for path in dict.fromkeys(path.absolute() for path in files)]
    names = [distribution.filename for distribution in distributions]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(f"There are two files named {', '.join(twice)}.", hint="Give each file once.")
    return distributions


def _build_shown(builder: Builder, project: Path, out_dir: Path | None, observer: Observer) -> list[Path]:
    """Build one project while nothing else is built: what its backend prints is shown when it comes."""
    observer.building(project)
    tell = partial(observer.output, project) if builder.options.show_output else ignore
    files = builder.build(project, out_dir or project / "dist", tell)
    observer.built(project, files)
    return files


def _build_at_once(
    builder: Builder,
    projects: Sequence[Path],
    out_dir: Path | None,
    shown: Observer,
) -> list[list[Path]]:
    """Build several projects at the same time; the first failure stops all of them."""
    observer = OneAtATime(shown)

    def build(project: Path) -> list[Path]:
        observer.building(project)
        printed = bytearray()
        files: list[Path] = []
        try:
            files = builder.build(project, out_dir or project / "dist", printed.extend)
        except BuildFailedError as error:
            error.message = f"{project}: {error.message}"
            raise
        finally:
            with observer.together():
                if builder.options.show_output and printed:
                    observer.output(project, bytes(printed))
                if files:
                    observer.built(project, files)
        return files

    with ThreadPoolExecutor(builder.options.jobs) as pool:
        futures = [pool.submit(build, project) for project in projects]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done():
                    future.result()  # the first failure in the order of the projects
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            builder.close()
            raise


def _read(path: Path) -> Distribution:
    try:
        return read_distribution(path)
    except FileNotFoundError:
        raise ConfigurationError(f"There is no file {path}.", hint="Build it first: `pypi-publish build`.") from None
    except OSError as error:
        raise CheckFailedError(f"{path} can't be read: {error.strerror or error}.") from error
