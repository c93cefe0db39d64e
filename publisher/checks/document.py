"""A project's `pyproject.toml` for the rules: its tables, and the line of each value."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from publisher.checks.rules import RULES
from publisher.checks.violations import Violation
from publisher.files.tables import table_at
from publisher.project.pyproject import FILENAME
from publisher.project.toml_positions import Lines, Place


@dataclass(frozen=True)
class Document:
    """The file of a project that could be parsed; ``folder`` is the project's, as messages show it."""

    folder: Path
    text: str
    data: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / FILENAME

    @cached_property
    def project(self) -> Mapping[str, Any]:
        """The table ``[project]``; empty if it is missing."""
        return table_at(self.data, "project")

    @cached_property
    def dynamic(self) -> frozenset[str]:
        """The keys that the backend finds."""
        return frozenset(self.texts("dynamic"))

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.text)

    def texts(self, key: str) -> list[str]:
        """Return a list of texts in ``[project]``, without other values."""
        found = self.project.get(key)
        return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []

    def items(self, *place: str) -> list[tuple[Place, str]]:
        """Return the texts of a list, each with its place."""
        found: Any = self.data
        for key in place:
            found = found.get(key) if isinstance(found, Mapping) else None
        listed = found if isinstance(found, list) else []
        return [((*place, number), each) for number, each in enumerate(listed) if isinstance(each, str)]

    def line(self, place: Place) -> int | None:
        """Return the line of a place, or of its surroundings."""
        return self._lines.of(place)

    def lines_below(self, place: Place) -> set[int]:
        """Return the lines of a place and of everything in it."""
        return self._lines.below(place)

    def violation(self, code: str, place: Place, message: str) -> Violation:
        """Return a rule's findings at a place."""
        return Violation(RULES[code], self.path, message, self.line(place) or 1)
