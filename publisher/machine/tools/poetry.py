"""poetry's configuration: the sources of a project, and a person's credentials."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from publisher.files.changes import read_text
from publisher.files.toml import put_tables, read_toml, table_at
from publisher.machine.paths import Machine
from publisher.machine.tools.tool import FileEdit, Finding, Setup
from publisher.machine.tools.transitive import (
    direct_dependencies,
    needed_through_others,
    poetry_dependencies,
    project_dependencies,
)
from publisher.project.pyproject import FILENAME
from publisher.secret import mask_urls


class Poetry:
    """
    poetry takes its sources from the project alone, and credentials from keyring or its own auth.toml.

    See https://python-poetry.org/docs/repositories/.
    """

    name: ClassVar[str] = "poetry"
    command: ClassVar[str] = "poetry"
    scopes: ClassVar[Sequence[str]] = ("project",)

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:  # noqa: ARG002 - there is one
        """Return the project's file and the person's credentials."""
        auth = machine.variable("POETRY_CONFIG_DIR", machine.application_support / "pypoetry") / "auth.toml"
        return [machine.folder / FILENAME, auth]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Return what the project says of the source and, with a password, what the person's file says."""
        project, auth = self.paths(machine, scope)
        edits = [FileEdit(project, lambda text: _put_into_project(text, setup))]
        if setup.password is not None:
            said = {"username": setup.username or "", "password": setup.password.reveal()}
            tables = {f"http-basic.{setup.name}": said}
            edits.append(FileEdit(auth, lambda text: put_tables(text, "poetry", tables=tables), holds_secret=True))
        return edits

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return poetry's variables for the credentials of the source."""
        name = "".join(character if character.isalnum() else "_" for character in setup.name.upper())
        return {
            f"POETRY_HTTP_BASIC_{name}_USERNAME": "$PYPI_PUBLISH_USERNAME",
            f"POETRY_HTTP_BASIC_{name}_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
        }

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:  # noqa: ARG002 - there is one
        """Explain where packages come from."""
        if setup.passes_on:
            return ["poetry has the private index as its primary source, which passes public names on."]
        note = "The source is explicit: poetry takes from it only what names it. Add packages with "
        return [
            f"{note}`poetry add --source {setup.name} NAME`; one that is added without comes from the public index."
        ]

    def read(self, machine: Machine) -> Sequence[Finding]:
        """Return the sources of the project."""
        path = machine.folder / FILENAME
        text = read_text(path)
        table = table_at(read_toml(text or ""), "tool.poetry")
        return [
            Finding(
                path,
                mask_urls(url),
                mask_urls(url) != url,
                leaks=source.get("priority") not in {"explicit", "primary", None},
            )
            for source in table.get("source", [])
            if isinstance(source, dict) and isinstance(url := source.get("url"), str)
        ]


def _put_into_project(text: str | None, setup: Setup) -> str:
    priority = "primary" if setup.passes_on else "explicit"
    source = {"name": setup.name, "url": setup.url.simple, "priority": priority}
    document = read_toml(text or "")
    known = table_at(document, "tool.poetry.dependencies")
    if setup.passes_on:
        return put_tables(text, "poetry", arrays={"tool.poetry.source": source})
    direct, private = direct_dependencies(document), set(setup.packages)
    own = {name: {"source": setup.name} for name in sorted(project_dependencies(document) & private - known.keys())}
    tables: dict[str, Mapping[str, Any]] = {"tool.poetry.dependencies": own} if own else {}
    sourced = {
        name for name, said in poetry_dependencies(document).items() if isinstance(said, dict) and "source" in said
    }
    # a source counts for the package wherever it is needed, as soon as the project names both in one place
    others = {*needed_through_others(direct, setup.needs), *(direct & private)} - own.keys() - sourced
    if others:
        group = f"tool.poetry.group.{setup.group}"
        named = {name: {"version": "*", "source": setup.name} for name in sorted(others)}
        tables |= {group: {"optional": True}, f"{group}.dependencies": named}
    return put_tables(text, "poetry", arrays={"tool.poetry.source": source}, tables=tables)
