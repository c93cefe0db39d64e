"""pdm: a person's config.toml and the sources of a project, the indexes that it asks, and a trial installation."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from publisher.errors import ConfigurationError
from publisher.files.changes import read_text
from publisher.files.tables import table_at
from publisher.files.toml import put_tables, read_toml, to_toml
from publisher.machine.candidate import Candidate
from publisher.machine.paths import Machine
from publisher.machine.programs import run_program
from publisher.machine.tools.installer import (
    Examined,
    Fallback,
    InstalledTool,
    Installer,
    Trial,
    TypedCredentials,
    owned,
)
from publisher.machine.tools.locks import locked_version, read_sources
from publisher.machine.tools.tool import PUBLIC, ConfiguredIndex, FileEdit, Setup
from publisher.project.install_lines import own_requirement
from publisher.project.pyproject import FILENAME

_TIME_LIMIT = 60.0
_QUIETLY = {"PDM_CHECK_UPDATE": "false", "PDM_USE_VENV": "false"}
_DEFAULT = "pypi"
"""The name of the source that every project has; one of that name in a project takes its place."""


class Pdm(Installer):
    """
    pdm takes a package from the source that includes its name, and else the best version from any.

    See https://pdm-project.org/en/latest/usage/config/.
    """

    name: ClassVar[str] = "pdm"
    command: ClassVar[str] = "pdm"
    scopes: ClassVar[Sequence[str]] = ("project", "user")
    unconfigured: ClassVar[str] = "it installs from {indexes}"

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:
        """Return the project's file, or the person's."""
        if scope == "project":
            return [machine.folder / FILENAME]
        return [machine.variable("PDM_CONFIG_FILE", machine.application_support / "pdm" / "config.toml")]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Return the project's settings of the source, or the person's settings of the default index."""
        path = self.paths(machine, scope)[0]
        if scope == "project":
            return [FileEdit(path, lambda text: _put_into_project(text, setup))]
        if not setup.proxies_public:
            raise ConfigurationError(
                "pdm's user file can only set one index for everything, but this one does not pass public packages on.",
                hint="Set up each project: `pypi-publish config pdm --scope project --write`.",
            )
        values = {"url": setup.url.simple, **({"username": setup.username} if setup.username else {})}
        if setup.password is not None:
            values["password"] = setup.password.reveal()
        return [
            FileEdit(path, lambda text: put_tables(text, "pdm", tables={"pypi": values}), setup.password is not None)
        ]

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return pdm's variables for the default index."""
        if not setup.proxies_public:
            return {}
        credentials = {"PDM_PYPI_USERNAME": "$PYPI_PUBLISH_USERNAME", "PDM_PYPI_PASSWORD": "$PYPI_PUBLISH_PASSWORD"}
        return {"PDM_PYPI_URL": setup.url.simple, **credentials}

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:  # noqa: ARG002 - the same in both
        """Explain where packages come from."""
        if setup.proxies_public:
            return ["pdm uses only the private index, which passes public packages on and keeps its own names."]
        note = (
            f"pdm takes the {len(setup.packages)} packages in include_packages from the private index and from nowhere"
        )
        return [f"{note} else, and everything else from the public one. Run this again when there are new ones."]

    def read(self, machine: Machine) -> Sequence[ConfiguredIndex]:
        """Return the sources of the project and the person's default index."""
        found = [_index(source, machine) for source in read_sources("pdm", machine)]
        own = self.paths(machine, "user")[0]
        default = table_at(read_toml(read_text(own) or ""), "pypi")
        if isinstance(default.get("url"), str):
            found.append(ConfiguredIndex(default["url"], str(own), secret_beside="password" in default))
        return found

    def asked(self, tool: InstalledTool, examined: Examined) -> Sequence[ConfiguredIndex]:
        """Return the sources of the project, and the default one, which pdm itself names."""
        sources = read_sources("pdm", examined.machine)
        found = [_index(source, examined.machine) for source in sources]
        return found if any(source["name"] == _DEFAULT for source in sources) else [*found, _default(tool, examined)]

    def risk(self, asked: Sequence[ConfiguredIndex], examined: Examined) -> str | None:
        """Judge the sources: pdm compares the versions of all that may have a package."""
        others = [index for index in asked if not index.is_index(examined.setup.url)]
        bound = any(
            source.get("include_packages") and _index(source, examined.machine).is_index(examined.setup.url)
            for source in read_sources("pdm", examined.machine)
        )
        return f"it takes the highest version that this index or {others[0]} has" if others and not bound else None

    def install_command(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, name: str
    ) -> str:
        """Return `pdm add`, after the index has got its name in the project."""
        del tool
        return f"pdm add {name}" if owned(asked, examined) else f"pypi-publish config pdm --write && pdm add {name}"

    def fallbacks(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, typed: TypedCredentials
    ) -> Sequence[Fallback]:
        """Return the same command, in which pdm asks a person for credentials that it does not find."""
        command = self.install_command(tool, asked, examined, typed.package)
        return [Fallback(command, {"NETRC": str(typed.netrc)}, "asks for user name and password")]

    def try_download(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, candidate: Candidate
    ) -> Trial:
        """Lock a project that takes one package from where this one would, and install that in its folder."""
        sources = read_sources("pdm", examined.machine)
        if not owned(asked, examined):
            sources = [*sources, _source(examined.setup, [candidate.name])]
        project = {
            "project": {"name": "trial", "version": "0", "requires-python": ">=3.11", "dependencies": [candidate.name]},
            "tool": {"pdm": {"distribution": False, "source": sources, "resolution": {"allow-prereleases": True}}},
        }
        hint = (
            f"If access is denied: pdm's own keyring lacks our plug-in (`uv tool install pdm --with "
            f"{own_requirement()}`), or put the user name into the source's URL. `pdm lock -v` says more."
        )
        with TemporaryDirectory(prefix="pypi-publish-", ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary)
            (folder / FILENAME).write_text(to_toml(project), "utf-8")
            command: list[str | Path] = [tool.program, "--non-interactive"]
            environment = {**_QUIETLY, **examined.environment}
            outcome = run_program([*command, "lock"], folder=folder, environment=environment, time_limit=_TIME_LIMIT)
            found = locked_version(folder / "pdm.lock", candidate.name)
            if outcome.code == 0 and found in candidate.versions:
                sync = [*command, "sync", "--no-self"]
                outcome = run_program(sync, folder=folder, environment=environment, time_limit=_TIME_LIMIT)
        return Trial(outcome, found, hint)


def _index(source: Mapping[str, Any], machine: Machine) -> ConfiguredIndex:
    return ConfiguredIndex(str(source.get("url", "")), str(machine.folder / FILENAME))


def _default(tool: InstalledTool, examined: Examined) -> ConfiguredIndex:
    """Return the default index as pdm itself names it."""
    if url := examined.machine.environment.get("PDM_PYPI_URL"):
        return ConfiguredIndex(url, "PDM_PYPI_URL")
    shown = run_program([tool.program, "config"], environment=_QUIETLY).stdout
    configured = re.search(r"^pypi\.url = (\S+)", shown.partition("Home configuration")[2], re.MULTILINE)
    return ConfiguredIndex(*((configured[1], "`pdm config pypi.url`") if configured else (PUBLIC, "its default")))


def _source(setup: Setup, packages: Sequence[str]) -> dict[str, Any]:
    if setup.proxies_public:
        return {"name": _DEFAULT, "url": setup.url.simple}
    return {"name": setup.name, "url": setup.url.simple, "include_packages": list(packages)}


def _put_into_project(text: str | None, setup: Setup) -> str:
    if not setup.proxies_public and not setup.packages:
        raise ConfigurationError(
            "pdm needs the names of the packages on the index.",
            hint="Pass them, or a pattern: --package 'acme-*'.",
        )
    return put_tables(text, "pdm", arrays={"tool.pdm.source": _source(setup, setup.packages)})
