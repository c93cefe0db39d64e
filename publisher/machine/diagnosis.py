"""A diagnosis: the verdict of one check, its message, and the remedy."""

from collections.abc import Iterable
from enum import Enum, StrEnum
from typing import NamedTuple

from publisher.errors import ConfigurationError, CredentialsError, IndexUnavailableError


class DiagnosisLevel(StrEnum):
    """Severity of a diagnosis; all is well without warnings and problems."""

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
        return self in {DiagnosisLevel.OK, DiagnosisLevel.NOTE}


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


class Diagnosis(NamedTuple):
    """One line of the report; ``check`` is the name that programs know it by."""

    area: Area
    check: str
    verdict: DiagnosisLevel
    what: str
    remedy: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """Return the diagnosis for `--json`."""
        return {
            "area": self.area.name.lower(),
            "check": self.check,
            "verdict": self.verdict.value,
            "what": self.what,
            "remedy": self.remedy,
        }


def gravest(diagnoses: Iterable[Diagnosis]) -> Diagnosis | None:
    """Return the diagnosis that decides the exit code: the first problem, or else the first warning."""
    trouble = [diagnosis for diagnosis in diagnoses if not diagnosis.verdict.is_well]
    problems = [diagnosis for diagnosis in trouble if diagnosis.verdict is DiagnosisLevel.PROBLEM]
    return next(iter(problems or trouble), None)


class Reporter(NamedTuple):
    """Makes the diagnoses of one area."""

    area: Area

    def ok(self, check: str, what: str) -> Diagnosis:
        """Return that something works."""
        return Diagnosis(self.area, check, DiagnosisLevel.OK, what)

    def note(self, check: str, what: str, remedy: str | None = None) -> Diagnosis:
        """Return something worth knowing."""
        return Diagnosis(self.area, check, DiagnosisLevel.NOTE, what, remedy)

    def warning(self, check: str, what: str, remedy: str | None) -> Diagnosis:
        """Return that something works, and is dangerous or wrong."""
        return Diagnosis(self.area, check, DiagnosisLevel.WARNING, what, remedy)

    def problem(self, check: str, what: str, remedy: str | None) -> Diagnosis:
        """Return that something does not work."""
        return Diagnosis(self.area, check, DiagnosisLevel.PROBLEM, what, remedy)
