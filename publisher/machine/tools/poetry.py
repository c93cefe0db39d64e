"""poetry: the sources of a project and a person's credentials, the indexes that it asks, and a trial installation."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

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
from publisher.machine.tools.transitive import (
    direct_dependencies,
    needed_through_others,
    poetry_dependencies,
    project_dependencies,
)
from publisher.project.pyproject import FILENAME

_TIME_LIMIT = 60.0


class Poetry(Installer):
    """
    poetry takes its sources from the project alone, and credentials from keyring or its own auth.toml.

    See https://python-poetry.org/docs/repositories/.
    """

    name: ClassVar[str] = "poetry"
    command: ClassVar[str] = "poetry"
    scopes: ClassVar[Sequence[str]] = ("project",)
    unconfigured: ClassVar[str] = "each project names its own"

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:  # noqa: ARG002 - there is one
        """Return the project's file and the person's credentials."""
        auth = machine.variable("POETRY_CONFIG_DIR", machine.application_support / "pypoetry") / "auth.toml"
        return [machine.folder / FILENAME, auth]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Return the project's settings of the source and, with a password, the person's."""
        project, auth = self.paths(machine, scope)
        edits = [FileEdit(project, lambda text: _put_into_project(text, setup))]
        if setup.password is not None:
            values = {"username": setup.username or "", "password": setup.password.reveal()}
            tables = {f"http-basic.{setup.name}": values}
            edits.append(FileEdit(auth, lambda text: put_tables(text, "poetry", tables=tables), holds_secret=True))
        return edits

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return poetry's variables for the credentials of the source."""
        return {
            f"POETRY_HTTP_BASIC_{setup.variable_name}_USERNAME": "$PYPI_PUBLISH_USERNAME",
            f"POETRY_HTTP_BASIC_{setup.variable_name}_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
        }

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:  # noqa: ARG002 - there is one
        """Explain where packages come from."""
        if setup.proxies_public:
            return ["poetry has the private index as its primary source, which passes public names on."]
        note = (
            "The source is explicit: poetry uses it only for packages that name it. Add them with "
            f"`poetry add --source {setup.name} NAME`; without `--source`, a package comes from the public index."
        )
        return [note]

    def read(self, machine: Machine) -> Sequence[ConfiguredIndex]:
        """Return the sources of the project."""
        return [_index(source, machine) for source in read_sources("poetry", machine)]

    def asked(self, tool: InstalledTool, examined: Examined) -> Sequence[ConfiguredIndex]:  # noqa: ARG002 - the project says it
        """Return the sources of the project."""
        return self.read(examined.machine)

    def risk(self, asked: Sequence[ConfiguredIndex], examined: Examined) -> str | None:
        """Judge the priorities: poetry compares all primary sources, and asks supplemental ones last."""
        sources = read_sources("poetry", examined.machine)
        own = sources[asked.index(owned(asked, examined)[0])]
        if _priority(own) == "explicit":
            return None
        primary = [source for source in sources if _priority(source) in {"primary", "default"}]
        if _priority(own) == "supplemental":
            first = _index(primary[0], examined.machine) if primary else PUBLIC
            return f"it asks {first} first, and this index for the rest"
        others = [_index(source, examined.machine) for source in primary if source is not own]
        return f"it takes the highest version that this index or {others[0]} has" if others else None

    def install_command(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, name: str
    ) -> str:
        """Return `poetry add`, after the index has got its name in the project."""
        del tool
        sources = read_sources("poetry", examined.machine)
        own = next(
            (source for source, index in zip(sources, asked, strict=True) if index in owned(asked, examined)), None
        )
        source = own or _source(examined.setup)
        explicit = f" --source {source['name']}" if _priority(source) == "explicit" else ""
        add = f"poetry add{explicit} {name}"
        return add if own else f"pypi-publish config poetry --write && {add}"

    def fallbacks(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, typed: TypedCredentials
    ) -> Sequence[Fallback]:
        """Return the command that stores the password in poetry's own configuration."""
        sources = read_sources("poetry", examined.machine)
        names = [
            str(source["name"]) for source, index in zip(sources, asked, strict=True) if index in owned(asked, examined)
        ]
        source = replace(examined.setup, name=names[0] if names else examined.setup.name)
        store = f"poetry config http-basic.{source.name} {shlex.quote(typed.credentials.username)}"
        command = self.install_command(tool, asked, examined, typed.package)
        environment = {
            f"POETRY_HTTP_BASIC_{source.variable_name}_USERNAME": typed.credentials.username,
            f"POETRY_HTTP_BASIC_{source.variable_name}_PASSWORD": typed.credentials.password.reveal(),
        }
        return [
            Fallback(command.replace("poetry add", f"{store} && poetry add"), environment, "asks for the password once")
        ]

    def try_download(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, candidate: Candidate
    ) -> Trial:
        """Lock a project that takes one package from the index, and install that in an environment of its own."""
        sources = read_sources("poetry", examined.machine)
        if not owned(asked, examined):
            sources = [*sources, _source(examined.setup)]
        own = next(source for source in sources if _index(source, examined.machine).is_index(examined.setup.url))
        hint = f"If access is denied: `poetry config http-basic.{own['name']} USER`. `poetry lock -vvv` says more."
        with TemporaryDirectory(prefix="pypi-publish-", ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary)
            (folder / FILENAME).write_text(to_toml(_trial_project(candidate, own, sources)), "utf-8")
            command: list[str | Path] = [tool.program, "--no-interaction"]
            outcome = run_program(
                [*command, "lock"], folder=folder, environment=examined.environment, time_limit=_TIME_LIMIT
            )
            found = locked_version(folder / "poetry.lock", candidate.name)
            if outcome.code == 0 and found in candidate.versions:
                own_venv = {
                    "POETRY_VIRTUALENVS_IN_PROJECT": "true",
                    "POETRY_VIRTUALENVS_CREATE": "true",
                    **examined.environment,
                }
                install = [*command, "install", "--no-root"]
                outcome = run_program(install, folder=folder, environment=own_venv, time_limit=_TIME_LIMIT)
        return Trial(outcome, found, hint)


def _index(source: Mapping[str, Any], machine: Machine) -> ConfiguredIndex:
    public = str(source["name"]).lower() == "pypi"
    return ConfiguredIndex(PUBLIC if public else str(source.get("url", "")), str(machine.folder / FILENAME))


def _priority(source: Mapping[str, Any]) -> str:
    return str(source.get("priority", "primary")).lower()


def _source(setup: Setup) -> dict[str, Any]:
    priority = "primary" if setup.proxies_public else "explicit"
    return {"name": setup.name, "url": setup.url.simple, "priority": priority}


def _trial_project(
    candidate: Candidate, own: Mapping[str, Any], sources: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    named = {"source": own["name"]} if _priority(own) == "explicit" else {}
    wanted = {"version": "*", "allow-prereleases": True, **named}
    poetry = {
        "package-mode": False,
        "source": list(sources),
        "dependencies": {"python": ">=3.11", candidate.name: wanted},
    }
    return {"tool": {"poetry": poetry}}


def _put_into_project(text: str | None, setup: Setup) -> str:
    source = _source(setup)
    document = read_toml(text or "")
    known = table_at(document, "tool.poetry.dependencies")
    if setup.proxies_public:
        return put_tables(text, "poetry", arrays={"tool.poetry.source": source})
    direct, private = direct_dependencies(document), set(setup.packages)
    own = {name: {"source": setup.name} for name in sorted(project_dependencies(document) & private - known.keys())}
    tables: dict[str, Mapping[str, Any]] = {"tool.poetry.dependencies": own} if own else {}
    sourced = {
        name
        for name, values in poetry_dependencies(document).items()
        if isinstance(values, dict) and "source" in values
    }
    # a source counts for the package wherever it is needed, as soon as the project names both in one place
    others = {*needed_through_others(direct, setup.private_dependencies), *(direct & private)} - own.keys() - sourced
    if others:
        group = f"tool.poetry.group.{setup.group}"
        named = {name: {"version": "*", "source": setup.name} for name in sorted(others)}
        tables |= {group: {"optional": True}, f"{group}.dependencies": named}
    return put_tables(text, "poetry", arrays={"tool.poetry.source": source}, tables=tables)
