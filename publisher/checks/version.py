"""Checks of the version, compared with the index and the pushed tag."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from packaging.version import Version

from publisher.checks.rules import RULES
from publisher.checks.violations import Violation
from publisher.client.client import IndexClient
from publisher.client.models import RemoteFile
from publisher.credentials.chain import Target, find_credentials
from publisher.errors import (
    CheckFailedError,
    CredentialsError,
    InvalidDistributionError,
    NoCredentialsError,
    PublishError,
)
from publisher.project.distributions import parse_filename
from publisher.project.git import commit_of, last_change
from publisher.project.pyproject import Source
from publisher.project.tags import Tag, select_sources, version_mismatch
from publisher.project.toml_positions import Lines, Place

FilesOf = Mapping[str, RemoteFile]


class Published(NamedTuple):
    """The index's files of a project; ``trouble`` is the reason why it could not be asked."""

    files: FilesOf
    trouble: str | None = None


def ask_index(target: Target, sources: Sequence[Source]) -> dict[Source, Published]:
    """Return the index's files of projects, without a prompt for a password; an open index needs none."""
    try:
        credentials = find_credentials(replace(target, prompt=None))
    except NoCredentialsError:
        credentials = None
    except CredentialsError as error:
        return dict.fromkeys(sources, Published({}, error.message))
    found: dict[Source, Published] = {}
    with closing(IndexClient(target.url, credentials)) as index:
        for source in sources:
            if source.name is None or source.version is None:
                found[source] = Published({})
                continue
            try:
                found[source] = Published(index.files(source.name))
            except PublishError as error:
                return found | dict.fromkeys(
                    [each for each in sources if each not in found], Published({}, error.message)
                )
    return found


def check_tags(source: Source, tags: Iterable[Tag]) -> Iterator[Violation]:
    """Find tags whose version differs from the project's; tags of other projects are ignored."""
    for tag in tags:
        if source.name is not None and tag.name not in {None, source.name}:
            continue
        try:
            select_sources(tag, [source])
        except CheckFailedError:
            yield _violation("PP603", source, version_mismatch(source.version, tag))


def check_published(source: Source, published: Published) -> Iterator[Violation]:
    """Compare a project's version with those on the index."""
    if source.name is None or source.version is None:
        yield _violation("PP605", source, "the version is not known before the build, so the index was not asked")
        return
    if published.trouble is not None:
        yield _violation("PP604", source, f"skipped: {published.trouble}")
        return
    there = [(file, version) for file in published.files.values() if (version := _version(file)) is not None]
    same = [file for file, version in there if version == source.version]
    if same:
        has_history = commit_of(source.folder, "HEAD") is not None
        if has_history and not _is_unchanged_since_upload(source.folder, same):
            message = f"{source.name} {source.version} is already on the index, but the project has changed since"
            yield _violation("PP601", source, message)
        return
    versions = [version for _, version in there]
    finals = [version for version in versions if not version.is_prerelease]
    newest = max(versions if source.version.is_prerelease else finals, default=None)
    if newest is not None and source.version < newest:
        yield _violation("PP602", source, f"the version is {source.version}, but the index has {newest}")


def _is_unchanged_since_upload(folder: Path, files: Iterable[RemoteFile]) -> bool:
    """Return whether nothing was committed, and nothing is uncommitted, since files were uploaded."""
    when = last_change(folder)
    return when is not None and all(file.uploaded is not None and file.uploaded > when for file in files)


def _version(file: RemoteFile) -> Version | None:
    try:
        return parse_filename(file.filename).version
    except InvalidDistributionError:
        return None


def _violation(code: str, source: Source, message: str) -> Violation:
    return Violation(RULES[code], source.file, message, _line(source.file))


def _line(path: Path) -> int:
    """Return the line of the version, or of the table that should have it."""
    places: tuple[Place, ...] = (("project", "version"), ("tool", "poetry", "version"))
    try:
        lines = Lines(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return 1
    return next((line for place in places if (line := lines.of(place))), 1)
