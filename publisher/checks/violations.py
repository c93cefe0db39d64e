"""What a rule finds: which rule, where, and in which words."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """What a violation means for a release."""

    ERROR = "error"
    """An index, a build backend or an installer will refuse it, or do something else than what is meant."""
    WARNING = "warning"
    """It works, and is probably not meant; a failure with ``--strict``."""
    NOTE = "note"
    """It could be better; never a failure."""


@dataclass(frozen=True)
class Rule:
    """One thing that is checked: its code, what it says in a line, why it matters, and what to do."""

    code: str
    severity: Severity
    title: str
    why: str
    remedy: str
    fixable: bool = False
    """Whether ``--fix`` can mend it."""


@dataclass(frozen=True)
class Violation:
    """A rule that does not hold, in a file and on a line of it, counted from 1."""

    rule: Rule
    path: Path
    message: str
    line: int | None = None

    @property
    def place(self) -> str:
        """The file, and the line where there is one, as editors and terminals understand it."""
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.rule.code} {self.message}"

    def as_json(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {
            "code": self.rule.code,
            "severity": self.rule.severity.value,
            "path": str(self.path),
            "line": self.line,
            "message": self.message,
            "remedy": self.rule.remedy,
            "fixable": self.rule.fixable,
        }


def in_order(violations: Iterable[Violation]) -> list[Violation]:
    """Return violations by file and line, each of them once."""
    return sorted(dict.fromkeys(violations), key=lambda found: (str(found.path), found.line or 0, found.rule.code))
