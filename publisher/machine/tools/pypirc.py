"""The file .pypirc, from which twine, flit and hatch know the indexes that they publish to."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from publisher.errors import ConfigurationError
from publisher.files.changes import read_text
from publisher.files.ini import IniText, parse_ini, put_options
from publisher.machine.diagnosis import Diagnosis
from publisher.machine.paths import Machine
from publisher.machine.tools.installer import (
    REPORT,
    Examined,
    InstalledTool,
    ToolCheck,
    find_tool,
    how_to_configure,
)
from publisher.machine.tools.tool import PUBLIC, ConfiguredIndex, FileEdit, Setup, Tool


class Pypirc(Tool):
    """
    A list of servers, and a section for each.

    See https://packaging.python.org/en/latest/specifications/pypirc/.
    """

    name: ClassVar[str] = "pypirc"
    command: ClassVar[str] = "twine"
    scopes: ClassVar[Sequence[str]] = ("user",)

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:  # noqa: ARG002 - there is one
        """Return the file in the person's home."""
        return [machine.home / ".pypirc"]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Add the index to the servers that are there; where there is not a list, the public ones stay known."""

        def put(text: str | None) -> str:
            listed = parse_ini(text or "").value("distutils", "index-servers")
            servers = ["pypi", "testpypi"] if listed is None else listed.split()
            values = {"repository": setup.url.root, **({"username": setup.username} if setup.username else {})}
            if setup.password is not None:
                values["password"] = setup.password.reveal()
            everyone = "".join(f"\n    {server}" for server in dict.fromkeys([*servers, setup.name]))
            return put_options(text, "pypirc", {"distutils": {"index-servers": everyone}, setup.name: values})

        return [FileEdit(path, put, setup.password is not None) for path in self.paths(machine, scope)]

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return twine's variables."""
        return {
            "TWINE_REPOSITORY_URL": setup.url.root,
            "TWINE_USERNAME": "$PYPI_PUBLISH_USERNAME",
            "TWINE_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
        }

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:  # noqa: ARG002 - there is one
        """Explain how to publish with it."""
        by_name = f"`twine upload -r {setup.name} dist/*`, `flit publish --repository {setup.name}`"
        return [f"{by_name}, `hatch publish -r {setup.url.root}` (hatch knows the user from it, and wants the URL)."]

    def read(self, machine: Machine) -> Sequence[ConfiguredIndex]:
        """Return the repositories that the file names."""
        path = self.paths(machine, "user")[0]
        found = _parse(path)
        return [
            ConfiguredIndex(value, str(path), secret_beside=found.value(section, "password") is not None)
            for section, option, value, _, _ in found.options
            if option == "repository"
        ]

    def examine(self, examined: Examined) -> ToolCheck:
        """Yield findings; return None, since nothing installs by this file."""
        path = self.paths(examined.machine, "user")[0]
        tool = yield from find_tool(self.command)
        try:
            found = _parse(path)
        except ConfigurationError as error:
            yield REPORT.problem("pypirc", f"{path} can't be read: {error.message}", "Fix the file.")
            return None
        own = [
            section
            for section, option, value, _, _ in found.options
            if option == "repository" and ConfiguredIndex(value, "").is_index(examined.setup.url)
        ]
        yield from _report_place(tool, own, path)
        if tool is not None:
            yield from _report_default(tool, own, examined)
        has_password = any(option == "password" for _, option, _, _, _ in found.options)
        if has_password and not examined.machine.is_windows and path.stat().st_mode & 0o077:
            yield REPORT.warning(
                "pypirc-mode",
                f"{path} contains passwords, and others on this machine can read it.",
                f"chmod 600 {path}",
            )
        return None


def _parse(path: Path) -> IniText:
    found = parse_ini(read_text(path) or "")
    for section, option, value, _, _ in found.options:
        if option == "repository" and not value:
            raise ConfigurationError(f"`repository` in [{section}] has no value.")
    return found


def _report_place(tool: InstalledTool | None, own: Sequence[str], path: Path) -> Iterator[Diagnosis]:
    if own and tool is not None:
        yield REPORT.ok("twine", f"{tool} knows this index as {own[0]!r}, and so do flit and hatch, from {path}.")
    elif own:
        yield REPORT.ok("twine", f"flit and hatch know this index as {own[0]!r}, from {path}.")
    elif tool is not None:
        yield REPORT.note(
            "twine", f"{tool} has no name for this index in .pypirc: pass its URL.", how_to_configure("pypirc")
        )


def _report_default(tool: InstalledTool, own: Sequence[str], examined: Examined) -> Iterator[Diagnosis]:
    """Name the destination of an upload without options: a private package on the public index stays there."""
    environment = examined.machine.environment
    url, name = environment.get("TWINE_REPOSITORY_URL"), environment.get("TWINE_REPOSITORY")
    default = ConfiguredIndex(url, "TWINE_REPOSITORY_URL") if url else None
    if default.is_index(examined.setup.url) if default else name in own:
        return
    place = default or (repr(name) if name else PUBLIC)
    named = f"-r {own[0]}" if own else f"--repository-url {examined.setup.url}"
    yield REPORT.note(
        "twine-leak",
        f"{tool} uploads to {place} unless you pass `{named}`.",
        'The classifier "Private :: Do Not Upload" in a project makes the public index refuse it.',
    )
