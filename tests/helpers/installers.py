"""An installer for tests that need one and its findings, and no program that takes seconds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from publisher.errors import ConfigurationError
from publisher.machine.candidate import Candidate
from publisher.machine.paths import Machine
from publisher.machine.tools.installer import Examined, InstalledTool, Installer, Trial
from publisher.machine.tools.tool import ConfiguredIndex, FileEdit, Setup


class MadeUpInstaller(Installer):
    """An installer that asks the index of its setup, has a risk, and takes its trials by the variable MODE."""

    name: ClassVar[str] = "made-up"
    command: ClassVar[str] = "made-up"
    scopes: ClassVar[Sequence[str]] = ("user",)
    unconfigured: ClassVar[str] = "it installs from {indexes}"

    def __init__(self, trials: Mapping[str, Trial], error: ConfigurationError | None = None) -> None:
        self.trials = trials
        self.error = error
        self.indexes: list[ConfiguredIndex] | None = None
        self.leak: str | None = None

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:
        raise NotImplementedError

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        raise NotImplementedError

    def variables(self, setup: Setup) -> Mapping[str, str]:
        raise NotImplementedError

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:
        raise NotImplementedError

    def read(self, machine: Machine) -> Sequence[ConfiguredIndex]:
        raise NotImplementedError

    def risk(self, asked: Sequence[ConfiguredIndex], examined: Examined) -> str | None:
        del asked, examined
        return self.leak

    def asked(self, tool: InstalledTool, examined: Examined) -> Sequence[ConfiguredIndex]:
        if self.error is not None:
            raise self.error
        if self.indexes is not None:
            return self.indexes
        return [ConfiguredIndex(examined.setup.url.simple, f"{tool}")]

    def install_command(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, name: str
    ) -> str:
        del examined
        return f"{tool.name} get {name} from {asked[0]}"

    def try_download(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, candidate: Candidate
    ) -> Trial:
        del tool, asked, candidate
        return self.trials[examined.environment.get("MODE", "")]
