"""A rule, and a violation of it in a file."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from publisher.project.display import without_control_characters


class Severity(StrEnum):
    """The meaning of a violation for `check`."""

    ERROR = "error"
    """An index, a build backend or an installer refuses it, or does something other than intended."""
    WARNING = "warning"
    """It works, and is probably not intended; a failure with ``--strict``."""
    NOTE = "note"
    """It could be better; never a failure."""


class Enforcement(StrEnum):
    """The consequence of a violation for `publish` and `upload`."""

    ERROR = "error"
    """Nothing is built or uploaded: the build would fail, our index would refuse it, or it can't be installed."""
    WARNING = "warning"
    OFF = "off"


class Rule(NamedTuple):
    """A rule: its code, title, reason and remedy, in Markdown."""

    code: str
    severity: Severity
    title: str
    why: str
    remedy: str
    fixable: bool = False
    """Whether ``--fix`` fixes it."""
    publish: Enforcement | None = None
    """The consequence for `publish` if it differs from the default of the severity; None for the default."""

    @property
    def enforcement(self) -> Enforcement:
        """The consequence for `publish` and `upload`: errors stop, the rest is for `check`."""
        if self.publish is not None:
            return self.publish
        return Enforcement.ERROR if self.severity is Severity.ERROR else Enforcement.OFF


class Violation(NamedTuple):
    """A violation of a rule in a file, on a line counted from 1."""

    rule: Rule
    path: Path
    message: str
    line: int | None = None

    @property
    def place(self) -> str:
        """The file, and the line if there is one, as editors and terminals understand it."""
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"

    def __str__(self) -> str:
        return without_control_characters(f"{self.place}: {self.rule.code} {self.message}", keep="")

    def as_json(self) -> dict[str, object]:
        """Return it as other programs read it."""
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
    return sorted(dict.fromkeys(violations), key=lambda one: (str(one.path), one.line or 0, one.rule.code))
