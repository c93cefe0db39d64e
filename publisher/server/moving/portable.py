"""A project as it moves from one store to another, and the interface of stores for that; every method blocks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from publisher.server.storage.base import Files
from publisher.server.store.metadata import FileMetadata

Details = Mapping[str, Any]


class PortableFile(NamedTuple):
    """A file: its name, the folder below the packages in its URL, its metadata, and the reason of a yank."""

    filename: str
    metadata: FileMetadata
    folder: str = ""
    yanked: Details | None = None
    signature: bytes | None = None


@dataclass(frozen=True)
class PortableProject:
    """The files of a project, the names of deleted ones, and its maintainers."""

    name: str
    files: tuple[PortableFile, ...] = ()
    deleted: Mapping[str, Details] = field(default_factory=dict)
    maintainers: Mapping[str, Details] = field(default_factory=dict)


class PackageSource(Protocol):
    """Packages that are read."""

    accounts: Files | None
    """The files of accounts, None where their place is not known."""
    htpasswd: str
    """The key of the htpasswd file."""
    files: Files
    """The package storage."""

    def names(self) -> Iterator[str]:
        """Yield the names of all projects that were ever published."""

    def project(self, name: str) -> PortableProject:
        """Return a project; raise StorageError when it can't be read."""

    def fetch(self, project: PortableProject, file: PortableFile, path: Path) -> None:
        """Write the bytes of a file to a path; raise StorageError or OSError when they can't be read."""


class PackageTarget(Protocol):
    """Packages that are written."""

    accounts: Files | None
    htpasswd: str
    files: Files

    def has(self, project: PortableProject, file: PortableFile) -> bool:
        """Return whether the bytes of a file are there already, from an earlier attempt."""

    def add(self, project: PortableProject, file: PortableFile, path: Path) -> None:
        """Store the bytes of a file."""

    def finish(self, project: PortableProject) -> None:
        """List the files of a project whose bytes are all there, and note its state."""

    def complete(self) -> None:
        """Make an index of the copies, so that it can be served."""
