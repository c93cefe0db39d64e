"""A project as it moves from one store to another, and what stores do for that; every method blocks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from publisher.server.storage.base import Files
from publisher.server.store.metadata import FileMetadata

Details = Mapping[str, Any]


@dataclass(frozen=True)
class PortableFile:
    """A file: its name, the folder below the packages in its URL, what is known of it, why it is yanked."""

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
    """What belongs to accounts, None where it is not known where that is."""
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
        """Tell whether the bytes of a file are there already, from an earlier attempt."""

    def add(self, project: PortableProject, file: PortableFile, path: Path) -> None:
        """Store the bytes of a file."""

    def finish(self, project: PortableProject) -> None:
        """List the files of a project whose bytes are all there, and note what else is known of it."""

    def complete(self) -> None:
        """Make an index of what was copied, so that it can be served."""
