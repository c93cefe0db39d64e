"""What one check found: a verdict, the words for it, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum

from publisher.errors import ConfigurationError, CredentialsError, IndexUnavailableError


class Verdict(StrEnum):
    """How it stands; all is well when nothing is a warning or a problem."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing, and nothing to do."""
    WARNING = "warning"
    """It works, and something is wrong or dangerous."""
    PROBLEM = "problem"
    """Something does not work."""

    @property
    def is_well(self) -> bool:
        """Whether nothing needs to be done."""
        return self in {Verdict.OK, Verdict.NOTE}


class Area(Enum):
    """A group of checks: its title, and the exit code when the gravest trouble is in it."""

    CONFIGURATION = ("Configuration", ConfigurationError.exit_code)
    INDEX = ("Index", IndexUnavailableError.exit_code)
    CREDENTIALS = ("Credentials", CredentialsError.exit_code)
    KEYRING = ("Keyring", CredentialsError.exit_code)
    TOOLS = ("Tools", ConfigurationError.exit_code)

    def __init__(self, title: str, exit_code: int) -> None:
        self.title = title
        self.exit_code = exit_code


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``check`` is the name that programs know it by."""

    area: Area
    check: str
    verdict: Verdict
    what: str
    remedy: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """Return it as programs read it."""
        return {
            "area": self.area.name.lower(),
            "check": self.check,
            "verdict": self.verdict.value,
            "what": self.what,
            "remedy": self.remedy,
        }


def gravest(findings: Iterable[Finding]) -> Finding | None:
    """Return what the exit code tells of: the first problem, or the first warning where there is none."""
    trouble = [finding for finding in findings if not finding.verdict.is_well]
    problems = [finding for finding in trouble if finding.verdict is Verdict.PROBLEM]
    return next(iter(problems or trouble), None)


@dataclass(frozen=True)
class Reporter:
    """Makes the findings of one area."""

    area: Area

    def ok(self, check: str, what: str) -> Finding:
        """Return that something is as it should be."""
        return Finding(self.area, check, Verdict.OK, what)

    def note(self, check: str, what: str, remedy: str | None = None) -> Finding:
        """Return something worth knowing."""
        return Finding(self.area, check, Verdict.NOTE, what, remedy)

    def warning(self, check: str, what: str, remedy: str | None) -> Finding:
        """Return that something works and should not be so."""
        return Finding(self.area, check, Verdict.WARNING, what, remedy)

    def problem(self, check: str, what: str, remedy: str | None) -> Finding:
        """Return that something does not work."""
        return Finding(self.area, check, Verdict.PROBLEM, what, remedy)
