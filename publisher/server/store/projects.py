"""A project of the index: its files and their metadata."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from publisher.server.store.metadata import FileMetadata, ReleaseState

VERIFY_AFTER = 2.0
"""Seconds after which the sizes and times of a project's files are compared with its record again."""


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


@dataclass
class Project:
    """A project's files by name, and their metadata once it was asked for."""

    name: str
    places: dict[str, str] = field(default_factory=dict)
    """The directory of each file."""
    files: dict[str, StoredFile] | None = None
    state: ReleaseState | None = None
    revision: int = 0
    """Grows with every change, so that pages made from an older one are known to be old."""
    verified: float = 0.0
    loading: asyncio.Task[None] | None = None

    def is_due(self) -> bool:
        """Tell whether the files should be compared with their metadata again."""
        return time.monotonic() - self.verified > VERIFY_AFTER

    def forget(self) -> None:
        """Have the metadata read again."""
        self.files = None
        self.state = None
        self.revision += 1
