"""The checks of the current folder: the configuration in its pyproject.toml."""

from collections.abc import Iterator
from pathlib import Path

from publisher.client.url import IndexUrl, parse_index_url
from publisher.errors import ConfigurationError
from publisher.machine.diagnosis import Area, Diagnosis, Reporter
from publisher.project.config import read_project_config
from publisher.project.pyproject import FILENAME, read_pyproject, read_source

_CONFIGURATION = Reporter(Area.CONFIGURATION)


def check_project(folder: Path, url: IndexUrl | None) -> Iterator[Diagnosis]:
    """Yield findings; ``index`` is the one that is used, wherever it is named."""
    if not (folder / FILENAME).exists():
        yield _CONFIGURATION.note("configuration", f"No {FILENAME} here: nothing to publish from this folder.")
        return
    try:
        config = read_project_config(folder)
        source = read_source(folder)
        backend = read_pyproject(folder).get("build-system")
        named = parse_index_url(config.index_url) if config.index_url else None
    except ConfigurationError as error:
        yield _CONFIGURATION.problem("configuration", error.message, error.hint)
        return
    what = " ".join(filter(None, (source.name, str(source.version or "")))) or "a project"
    yield _CONFIGURATION.ok("configuration", f"{FILENAME} is valid: {what}.")
    if source.name and not backend:
        yield _CONFIGURATION.warning(
            "build-system",
            f"{FILENAME} names no build backend, so the newest setuptools builds the project.",
            "Add a [build-system] table, for example with hatchling.",
        )
    yield from _check_index(named, url)


def _check_index(named: IndexUrl | None, url: IndexUrl | None) -> Iterator[Diagnosis]:
    if named is None:
        return
    if named.password is not None:
        yield _CONFIGURATION.problem(
            "secret",
            f"`index-url` in {FILENAME} contains a password, which everyone with access to the repository can read.",
            "Remove it from the file and from the repository's history, and change it with `pypi-publish passwd`.",
        )
    if url is not None and named.root != url.root:
        yield _CONFIGURATION.note(
            "index-url", f"The project publishes to {named}; the environment or an option names {url} instead."
        )
