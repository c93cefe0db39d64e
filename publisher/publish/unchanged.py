"""Projects that need no build, because the index has their version and they are unchanged since."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from publisher.client.url import IndexUrl
from publisher.credentials.chain import Prompt
from publisher.errors import InvalidDistributionError
from publisher.project.distributions import DistName, Distribution, parse_filename
from publisher.project.git import last_change
from publisher.project.kinds import Kind
from publisher.project.pyproject import Source
from publisher.publish.last_published import begin_comparison
from publisher.publish.prefetch import IndexPrefetch
from publisher.publish.report import FileReport, Release, State

if TYPE_CHECKING:
    from publisher.client.models import RemoteFile

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


Settled = dict[Source, datetime]
"""Projects that may be published as they are, each with the earliest upload time that counts."""


def begin_to_settle(sources: Sequence[Source], url: IndexUrl, kinds: Collection[Kind]) -> Callable[[], Settled] | None:
    """
    Start to look for projects that may be published as they are; return the function that waits for them.

    A project counts as changed if pyproject.toml lacks its name or version, or if it has uncommitted changes. A single
    project counts as changed unless it was published from here: asking the index first would only delay its build. None
    if it was not.
    """
    named = [source for source in sources if source.name and source.version]
    if len(sources) != 1:
        return lambda: {source: when for source in named if (when := last_change(source.folder))}
    is_same = begin_comparison(named[0], url, kinds) if named else None
    return None if is_same is None else lambda: dict.fromkeys(named if is_same() else (), _LONG_AGO)


def find_unchanged(
    settled: Mapping[Source, datetime], kinds: Collection[Kind], prefetch: IndexPrefetch, prompt: Prompt | None
) -> dict[Source, list[FileReport]]:
    """
    Return the projects whose version is on the index with every kind of file, uploaded after the given times.

    Each comes with its files, as the index lists them. A project whose files have no upload time counts as changed. The
    index is asked only if there are settled projects.

    Raises CredentialsError and IndexUnavailableError.
    """
    if settled:
        prefetch.connect(prompt)
    found = {source: _published(source, when, prefetch.files(str(source.name))) for source, when in settled.items()}
    return {source: files for source, files in found.items() if {file.file.kind for file in files}.issuperset(kinds)}


def find_unchanged_builds(
    sources: Sequence[Source], distributions: Sequence[Distribution], prefetch: IndexPrefetch, prompt: Prompt | None
) -> list[FileReport]:
    """
    Return the files of built projects that the index has, and that were uploaded after the projects' last change.

    It is for projects whose version is known only when they are built. Their bytes may differ from the index's,
    because they carry the time of a later commit.

    Raises CredentialsError and IndexUnavailableError.
    """
    found: list[FileReport] = []
    for source in sources:
        built = [each for each in distributions if source.version is None and each.name == source.name]
        when = last_change(source.folder) if built else None
        if when is None:
            continue
        prefetch.connect(prompt)
        files = prefetch.files(built[0].name)
        existing = [(each.file, file) for each in built if (file := files.get(each.filename)) and _is_newer(file, when)]
        if len(existing) == len(built):
            found += [_report_unchanged(name, file) for name, file in existing]
    return found


def _published(source: Source, when: datetime, files: "Mapping[str, RemoteFile]") -> list[FileReport]:
    """Return the files of a source's version that were uploaded after a time."""
    return [
        _report_unchanged(name, file)
        for file in files.values()
        if (name := _parse(file.filename)) and name.version == source.version and _is_newer(file, when)
    ]


def _report_unchanged(name: DistName, file: "RemoteFile") -> FileReport:
    return FileReport(name, _release(name), State.UNCHANGED, file.size, file.hashes.get("sha256"), url=file.url)


def _release(name: DistName) -> Release:
    return Release(name.name, name.version, name.name)


def _parse(filename: str) -> DistName | None:
    try:
        return parse_filename(filename)
    except InvalidDistributionError:
        return None


def _is_newer(file: "RemoteFile", when: datetime) -> bool:
    """Return whether a file was uploaded after a time; git counts whole seconds, so the same one is not after."""
    return when is _LONG_AGO or (file.uploaded is not None and file.uploaded.replace(microsecond=0) > when)
