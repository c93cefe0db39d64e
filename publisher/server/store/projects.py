"""A project of the index: its files and their metadata."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from publisher.server.names.identity import Identity, identity
from publisher.server.store.metadata import FileMetadata, ReleaseState

VERIFY_AFTER = 2.0
"""Seconds after which the sizes and times of a project's files are compared with its record again."""

FEW = 200
"""Number of file names to parse in the event loop (under 3 ms); more are parsed in a thread."""

_revisions = itertools.count(1)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a project: its path, its path in URLs (as in pypiserver), and its metadata."""

    filename: str
    path: Path
    url_path: str
    version: str
    metadata: FileMetadata
    yanked: str | None = None
    """The reason, maybe empty; None for a file that is not yanked."""


@dataclass(slots=True, eq=False)
class Project:
    """A project's files by name, and their metadata once it was asked for."""

    name: str
    places: dict[str, str] = field(default_factory=dict)
    """The directory of each file."""
    files: dict[str, StoredFile] | None = None
    state: ReleaseState | None = None
    revision: int = field(default_factory=lambda: next(_revisions))
    """
    Grows with every change, so that pages made from an older one are known to be old.

    No two projects have the same one, so that a project that returns is not taken for the one of its name before.
    """
    verified: float = 0.0
    loading: asyncio.Task[None] | None = None
    parsing: asyncio.Task[None] | None = None
    _spellings: dict[Identity, list[str]] | None = None
    """The names of the files of each identity, once an upload asked for one: else most are never needed."""

    def place(self, filename: str, directory: str) -> bool:
        """Note where a file is; return False, and change nothing, when it is in another directory."""
        if filename not in self.places:
            self.places[filename] = directory
            if self._spellings is not None:
                self._spellings.setdefault(identity(filename), []).append(filename)
        return self.places[filename] == directory

    def displace(self, filename: str) -> None:
        """Note that a file is gone."""
        del self.places[filename]
        if self._spellings is not None:
            self._spellings[identity(filename)].remove(filename)

    @property
    def must_be_parsed(self) -> bool:
        """Whether `spellings` still has to parse many file names."""
        return self._spellings is None and len(self.places) > FEW

    def take_spellings(self, parsed: Sequence[str], found: dict[Identity, list[str]]) -> None:
        """Take over names that were parsed in a thread; files may have come and gone meanwhile."""
        self._spellings = found
        for gone in set(parsed).difference(self.places):
            found[identity(gone)].remove(gone)
        for new in self.places.keys() - set(parsed):
            found.setdefault(identity(new), []).append(new)

    def spellings(self, filename: str) -> list[str]:
        """Return the names of the files that have the identity of a name."""
        if self._spellings is None:
            self._spellings = by_identity(self.places)
        return self._spellings.get(identity(filename), [])

    def replace_files(self, files: dict[str, StoredFile]) -> None:
        """Take over all files of a project whose record lists them."""
        self.files = files
        self.places = {filename: str(file.path.parent) for filename, file in files.items()}
        self._spellings = None

    def is_due(self) -> bool:
        """Return whether the files should be compared with their metadata again."""
        return time.monotonic() - self.verified > VERIFY_AFTER

    def forget(self) -> None:
        """Have the metadata read again."""
        self.files = None
        self.state = None
        self.revision = next(_revisions)


def by_identity(filenames: Iterable[str]) -> dict[Identity, list[str]]:
    """Return the names of each identity; may run in any thread."""
    found: dict[Identity, list[str]] = {}
    for each in filenames:
        found.setdefault(identity(each), []).append(each)
    return found
