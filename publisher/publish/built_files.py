"""Built files, read and checked before they are published."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from publisher.errors import CheckFailedError
from publisher.project.dist_files import find_dist_files
from publisher.project.distributions import Distribution, read_distribution
from publisher.publish.events import Observer


def check_files(files: Iterable[Path], observer: Observer) -> list[Distribution]:
    """
    Read files and return them as distributions that may be published together.

    Raises ConfigurationError for a missing file, CheckFailedError for every other reason not to publish.
    """
    distributions = read_files(files)
    check_distributions(distributions, observer)
    return distributions


def check_distributions(distributions: Sequence[Distribution], observer: Observer) -> None:
    """Check distributions that are to be published together; raises CheckFailedError."""
    from publisher.checks.engine import enforce_files  # noqa: PLC0415 - slow to import

    observer.checked(distributions, [*map(str, enforce_files(distributions))])


def read_files(files: Iterable[Path]) -> list[Distribution]:
    """
    Read the distributions selected by files, folders and patterns.

    Raises ConfigurationError as `find_dist_files` does, CheckFailedError for a file that is neither wheel nor sdist.
    """
    return [_read(path) for path in find_dist_files(files)]


def _read(path: Path) -> Distribution:
    try:
        return read_distribution(path)
    except OSError as error:
        raise CheckFailedError(f"{path} can't be read: {error.strerror or error}.") from error
