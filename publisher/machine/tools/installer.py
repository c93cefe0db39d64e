"""A tool that installs: the indexes that it asks, how it could be misled, and a trial download."""

import re
from abc import abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

from publisher.errors import ConfigurationError
from publisher.machine.candidate import Candidate
from publisher.machine.diagnosis import Area, Diagnosis, Reporter
from publisher.machine.paths import Machine
from publisher.machine.programs import Outcome, find_program, run_program
from publisher.machine.tools.tool import ConfiguredIndex, Setup, Tool
from publisher.project.versions import same_version
from publisher.secret import Credentials

REPORT = Reporter(Area.TOOLS)

_VERSION = re.compile(r"\d+(?:\.\d+)+\S*")


class InstalledTool(NamedTuple):
    """A program that was found, and its version."""

    name: str
    program: Path
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Examined:
    """The subject of a tool's examination: the machine, an index and its user, and maybe a package to try."""

    machine: Machine
    setup: Setup
    candidate: Candidate | None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Added to the tool's environment in a trial: credentials, in place of a person who would be asked for them."""


class TypedCredentials(NamedTuple):
    """Credentials that a person could type, the netrc file that has them, and the package to install with them."""

    credentials: Credentials
    netrc: Path
    package: str


@dataclass(frozen=True)
class Fallback:
    """Another command, for a tool that finds no password by itself; its trial has an environment of its own."""

    command: str
    environment: Mapping[str, str] = field(repr=False)
    note: str | None = None
    """The preparation that it needs."""


class Trial(NamedTuple):
    """A trial download: how the tool ended, the version that it took, and the remedy if that was wrong."""

    outcome: Outcome
    version: str | None
    hint: str
    reason: str | None = None
    """The cause of a failure, where it is known better than from the tool's output."""

    def failure(self, candidate: Candidate) -> str | None:
        """Return why the package was not downloaded from the index; None when it was."""
        if self.outcome.code is None:
            return f"timed out downloading {candidate.name}"
        if self.version is not None and not any(same_version(self.version, known) for known in candidate.versions):
            return f"takes {candidate.name} {self.version} from another index; this one has {candidate.newest}"
        if self.outcome.code != 0 or self.version is None:
            return f"can't download {candidate.name}: {self.reason or self.outcome.last_line}"
        return None


ToolCheck = Generator[Diagnosis, None, bool | None]
"""Yields diagnoses and returns whether the tool installs from the index; None if the tool is not installed."""


class Installer(Tool):
    """A tool that installs from indexes."""

    unconfigured: ClassVar[str]
    """The behavior of a tool without the index; ``{indexes}`` are those that it asks."""

    @abstractmethod
    def asked(self, tool: InstalledTool, examined: Examined) -> Sequence[ConfiguredIndex]:
        """Return the indexes that the tool asks, the first one first; raises ConfigurationError."""

    @abstractmethod
    def risk(self, asked: Sequence[ConfiguredIndex], examined: Examined) -> str | None:
        """Return how a stranger's package could take the place of one on the index, or None."""

    @abstractmethod
    def try_download(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, candidate: Candidate
    ) -> Trial:
        """Download a package as `install_command` would, into a folder that is removed."""

    @abstractmethod
    def install_command(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, name: str
    ) -> str:
        """Return the command that installs a package of the index on this machine."""

    def fallbacks(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, typed: TypedCredentials
    ) -> Sequence[Fallback]:
        """Return other commands to try, in which a person types credentials that the tool does not find."""
        del tool, asked, examined, typed
        return ()

    def remedy(self, examined: Examined) -> str:
        """Return the change that makes the tool use the index."""
        del examined
        return how_to_configure(self.name)

    def examine(self, examined: Examined) -> ToolCheck:
        """Yield findings; return whether the tool asks the index."""
        tool = yield from find_tool(self.command)
        if tool is None:
            return None
        try:
            asked = self.asked(tool, examined)
        except ConfigurationError as error:
            yield REPORT.problem(tool.name, f"{tool} has an unreadable configuration: {error.message}", error.hint)
            return False
        own = owned(asked, examined)
        if own:
            origins = " and ".join(index.origin for index in own)
            yield REPORT.ok(tool.name, f"{tool} uses this index, from {origins}.")
        else:
            indexes = " and ".join(map(str, asked)) or "no index"
            words = self.unconfigured.format(indexes=indexes)
            yield REPORT.note(tool.name, f"{tool} does not use this index: {words}.", self.remedy(examined))
        yield from report_passwords(tool, asked)
        if own and (risk := self.risk(asked, examined)) is not None:
            yield REPORT.warning(
                f"{tool.name}-leak", f"{tool} could install a stranger's package: {risk}.", how_to_configure(self.name)
            )
        if own and examined.candidate is not None:
            trial = self.try_download(tool, asked, examined, examined.candidate)
            yield report_trial(tool, examined.candidate, trial)
        return bool(own)


def owned(asked: Sequence[ConfiguredIndex], examined: Examined) -> list[ConfiguredIndex]:
    """Return those of the indexes that are the examined one."""
    return [index for index in asked if index.is_index(examined.setup.url)]


def find_tool(name: str) -> Generator[Diagnosis, None, InstalledTool | None]:
    """Yield the failure of a tool that does not start, and return the tool, or None without one."""
    program = find_program(name)
    if program is None:
        return None
    outcome = run_program([program, "--version"])
    version = _VERSION.search(outcome.stdout)
    if outcome.code != 0 or version is None:
        yield REPORT.problem(name, f"{name} does not start: {outcome.last_line}.", f"Install {program} again.")
        return None
    return InstalledTool(name, program, version[0].rstrip(",)"))


def report_passwords(tool: InstalledTool, indexes: Sequence[ConfiguredIndex]) -> Iterator[Diagnosis]:
    """Warn about passwords that are written out."""
    for index in indexes:
        if index.password_in_url:
            yield REPORT.warning(
                f"{tool.name}-secret",
                f"{index.origin} has a password in a URL, where others, backups and logs find it.",
                f"Remove it; with the password in keyring: {how_to_configure(tool.name)}",
            )


def report_trial(tool: InstalledTool, candidate: Candidate, trial: Trial) -> Diagnosis:
    """Judge a trial download."""
    check, failure = f"{tool.name}-trial", trial.failure(candidate)
    if failure is None:
        return REPORT.ok(check, f"{tool} gets {candidate.name} {trial.version} from this index.")
    if trial.version is not None and "another index" in failure:
        return REPORT.problem(
            check, f"{tool} {failure}.", f"Before you install anything: {how_to_configure(tool.name)}"
        )
    return REPORT.problem(check, f"{tool} {failure}", trial.hint)


def how_to_configure(name: str) -> str:
    """Return the command that sets a tool up."""
    return f"`pypi-publish config {name} --write`"
