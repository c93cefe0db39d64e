"""Which projects need not be built, because the index has their version and they were not changed since."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from publisher.ahead import Ahead
from publisher.credentials import Prompt
from publisher.dists import Kind, parse_filename
from publisher.errors import InvalidDistributionError
from publisher.history import settled_since
from publisher.index import RemoteFile
from publisher.pyproject import Source


def find_unchanged(
    sources: Sequence[Source], kinds: Collection[Kind], ahead: Ahead, prompt: Prompt | None
) -> list[Source]:
    """
    Return the projects whose version is on the index with every kind of file, since after their last change.

    Taken for changed are those whose name or version is not written in pyproject.toml, that have changes which are
    not committed, or whose files the index does not date. The index is asked only when there is a reason to.

    Raises CredentialsError and IndexUnavailableError.
    """
    settled = {
        source: when for source in sources if source.name and source.version and (when := settled_since(source.folder))
    }
    if settled:
        ahead.connect(prompt)
    return [
        source for source, when in settled.items() if _is_published(source, when, kinds, ahead.files(str(source.name)))
    ]


def _is_published(source: Source, when: datetime, kinds: Iterable[Kind], files: Mapping[str, RemoteFile]) -> bool:
    found = {kind for file in files.values() if (kind := _kind_if(file, source)) and _is_newer(file, when)}
    return found.issuperset(kinds)


def _kind_if(file: RemoteFile, source: Source) -> Kind | None:
    """Return the kind of a file of the source's version; None for one of another."""
    try:
        parsed = parse_filename(file.filename)
    except InvalidDistributionError:
        return None
    return parsed.kind if parsed.version == source.version else None


def _is_newer(file: RemoteFile, when: datetime) -> bool:
    """Tell whether a file was uploaded after a time; git counts whole seconds, so the same one is not after."""
    return file.uploaded is not None and file.uploaded.replace(microsecond=0) > when
