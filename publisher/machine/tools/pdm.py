"""pdm's configuration: a person's config.toml, and the sources of a project."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from publisher.errors import ConfigurationError
from publisher.files.changes import read_text
from publisher.files.toml import put_tables, read_toml, table_at
from publisher.machine.paths import Machine
from publisher.machine.tools.tool import FileEdit, Finding, Setup
from publisher.project.pyproject import FILENAME
from publisher.secret import mask_urls


class Pdm:
    """
    pdm takes a package from the source that includes its name, and else the best version from any.

    See https://pdm-project.org/en/latest/usage/config/.
    """

    name: ClassVar[str] = "pdm"
    command: ClassVar[str] = "pdm"
    scopes: ClassVar[Sequence[str]] = ("project", "user")

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:
        """Return the project's file, or the person's."""
        if scope == "project":
            return [machine.folder / FILENAME]
        return [machine.variable("PDM_CONFIG_FILE", machine.application_support / "pdm" / "config.toml")]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Return what the project says of the source, or what the person's file says of the default index."""
        path = self.paths(machine, scope)[0]
        if scope == "project":
            return [FileEdit(path, lambda text: _put_into_project(text, setup))]
        if not setup.passes_on:
            raise ConfigurationError(
                "pdm's own file can only name the one index that everything comes from, and this one does not pass "
                "public names on.",
                hint="Set up each project: `pypi-publish config pdm --scope project --write`.",
            )
        said = {"url": setup.url.simple, **({"username": setup.username} if setup.username else {})}
        if setup.password is not None:
            said["password"] = setup.password.reveal()
        return [FileEdit(path, lambda text: put_tables(text, "pdm", tables={"pypi": said}), setup.password is not None)]

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return pdm's variables for the default index."""
        if not setup.passes_on:
            return {}
        credentials = {"PDM_PYPI_USERNAME": "$PYPI_PUBLISH_USERNAME", "PDM_PYPI_PASSWORD": "$PYPI_PUBLISH_PASSWORD"}
        return {"PDM_PYPI_URL": setup.url.simple, **credentials}

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:  # noqa: ARG002 - the same in both
        """Explain where packages come from."""
        if setup.passes_on:
            return ["pdm has the private index alone, which passes public names on and keeps its own to itself."]
        note = (
            f"pdm takes the {len(setup.packages)} packages in include_packages from the private index and from nowhere"
        )
        return [f"{note} else, and everything else from the public one. Run this again when there are new ones."]

    def read(self, machine: Machine) -> Sequence[Finding]:
        """Return the sources of the project and the person's default index."""
        path = machine.folder / FILENAME
        sources = table_at(read_toml(read_text(path) or ""), "tool.pdm").get("source", [])
        found = [
            Finding(
                path,
                mask_urls(url),
                mask_urls(url) != url,
                leaks=not (source.get("include_packages") or len(sources) == 1),
            )
            for source in sources
            if isinstance(source, dict) and isinstance(url := source.get("url"), str)
        ]
        own = self.paths(machine, "user")[0]
        default = table_at(read_toml(read_text(own) or ""), "pypi")
        if isinstance(default.get("url"), str):
            found.append(Finding(own, mask_urls(default["url"]), "password" in default))
        return found


def _put_into_project(text: str | None, setup: Setup) -> str:
    source: dict[str, Any] = {"name": "pypi" if setup.passes_on else setup.name, "url": setup.url.simple}
    if not setup.passes_on:
        if not setup.packages:
            raise ConfigurationError(
                "It is not known which packages are on the index, and pdm has to be told.",
                hint="Name them, or a pattern: --package 'acme-*'.",
            )
        source["include_packages"] = list(setup.packages)
    return put_tables(text, "pdm", arrays={"tool.pdm.source": source})
