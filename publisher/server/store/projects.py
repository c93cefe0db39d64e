"""A project of the index: its files, and what is known of each."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from publisher.server.store.records import Facts, Marks

VERIFY_AFTER = 2.0
"""Seconds after which the sizes and times of a project's files are compared with its record again."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a project: where it lies, its path in URLs (as pypiserver has it), and what is known of it."""

    filename: str
    path: Path
    url_path: str
    version: str
    facts: Facts
    yanked: str | None = None
    """The reason, maybe empty; None for a file that is not yanked."""


@dataclass
class Project:
    """A project's files by name, and what is known of them once somebody asked."""

    name: str
    places: dict[str, str] = field(default_factory=dict)
    """The directory of each file."""
    files: dict[str, StoredFile] | None = None
    marks: Marks | None = None
    revision: int = 0
    """Grows with every change, so that pages made from an older one are known to be old."""
    verified: float = 0.0
    loading: asyncio.Task[None] | None = None

    def is_due(self) -> bool:
        """Tell whether the files should be compared with what is known of them."""
        return time.monotonic() - self.verified > VERIFY_AFTER

    def forget(self) -> None:
        """Have what is known found out again."""
        self.files = None
        self.marks = None
        self.revision += 1
