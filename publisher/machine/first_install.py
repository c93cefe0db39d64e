"""The command that installs from an index on this machine with each tool, tried before it is shown."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from publisher.credentials.netrc import netrc_entry
from publisher.errors import ConfigurationError
from publisher.files.atomic import replace_file
from publisher.machine.configure import TOOLS
from publisher.machine.programs import find_program, stop_programs
from publisher.machine.tools.installer import Examined, Installer, TypedCredentials, find_tool
from publisher.secret import Credentials

PLACEHOLDER = "PACKAGE"
"""The package in a command where the index has none yet."""


class FirstInstall(NamedTuple):
    """A tool, the command that installs with it, and why a trial failed; ``tried`` is False without a package."""

    tool: str
    command: str | None
    tried: bool = False
    failure: str | None = None
    hint: str | None = None
    note: str | None = None
    """The preparation that the command needs."""

    @property
    def works(self) -> bool:
        """Whether a trial download worked."""
        return self.tried and self.failure is None


def try_installs(examined: Examined, credentials: Credentials) -> Iterator[FirstInstall]:
    """Yield the command of every installer on this machine, in the order of `TOOLS`."""
    found = [tool for tool in TOOLS.values() if isinstance(tool, Installer) and find_program(tool.command)]
    with ThreadPoolExecutor() as pool:  # each tool takes seconds, most of them to start
        try:
            yield from pool.map(lambda tool: _try_install(tool, examined, credentials), found)
        except BaseException:
            stop_programs()
            raise


def _try_install(tool: Installer, examined: Examined, credentials: Credentials) -> FirstInstall:
    search = find_tool(tool.command)
    try:
        problem = next(search)
    except StopIteration as end:
        installed = end.value
    else:
        return FirstInstall(tool.name, None, failure=problem.what, hint=problem.remedy)
    try:
        asked = tool.asked(installed, examined)
    except ConfigurationError as error:
        return FirstInstall(tool.name, None, failure=error.message, hint=error.hint)
    candidate = examined.candidate
    name = candidate.name if candidate else PLACEHOLDER
    command = tool.install_command(installed, asked, examined, name)
    if candidate is None:
        return FirstInstall(tool.name, command)
    trial = tool.try_download(installed, asked, examined, candidate)
    failure = trial.failure(candidate)
    if failure is None:
        return FirstInstall(tool.name, command, tried=True)
    if trial.version is None:
        with _netrc_file(examined, credentials) as netrc:
            typed = TypedCredentials(credentials, netrc, name)
            for other in tool.fallbacks(installed, asked, examined, typed):
                given = replace(examined, environment=other.environment)
                if tool.try_download(installed, asked, given, candidate).failure(candidate) is None:
                    return FirstInstall(tool.name, other.command, tried=True, note=other.note)
    return FirstInstall(tool.name, command, tried=True, failure=f"{installed} {failure}", hint=trial.hint)


@contextmanager
def _netrc_file(examined: Examined, credentials: Credentials) -> Iterator[Path]:
    """Write credentials into a file of the owner's alone, for the time of a trial."""
    with TemporaryDirectory(prefix="pypi-publish-") as folder:
        path = Path(folder, "netrc")
        replace_file(path, netrc_entry(examined.setup.url.host, credentials).encode(), mode=0o600)
        yield path
