"""uv: a person's uv.toml and [tool.uv] of a project, the indexes that it asks, and a trial download."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, NamedTuple

from packaging.utils import canonicalize_name

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
    how_to_configure,
    owned,
)
from publisher.machine.tools.tool import PUBLIC, ConfiguredIndex, FileEdit, Setup
from publisher.machine.tools.transitive import needed_through_others, standard_dependencies
from publisher.project.pyproject import FILENAME

_BY_PROJECTS = "each project that names it"
_OPTIONS = ("--no-deps", "--prerelease=allow", "--quiet")


@dataclass(frozen=True)
class UvIndex(ConfiguredIndex):
    """An index of uv: its name, whether only packages that name it come from it, and whether it is the default."""

    name: str | None = None
    explicit: bool = False
    default: bool = False
    table: Mapping[str, Any] = field(default_factory=dict)
    """The table as written in the file."""


class UvSettings(NamedTuple):
    """The settings of uv's files and variables together; the first index comes first, the default one last."""

    indexes: Sequence[UvIndex]
    strategy: str
    keyring: bool


class Uv(Installer):
    """
    uv takes a name from the first index that has it, and a project may say which index a package comes from.

    See https://docs.astral.sh/uv/concepts/indexes/.
    """

    name: ClassVar[str] = "uv"
    command: ClassVar[str] = "uv"
    scopes: ClassVar[Sequence[str]] = ("user", "project")
    unconfigured: ClassVar[str] = "it installs from {indexes}"

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:
        """Return the person's file, which uv keeps in ``~/.config`` on macOS too, or the project's."""
        if scope == "project":
            return [machine.folder / FILENAME]
        return [machine.variable("UV_CONFIG_FILE", machine.config / "uv" / "uv.toml")]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Return the credentials' settings of a person's file, or the indexes of a project's."""
        path = self.paths(machine, scope)[0]
        if scope == "project":
            return [FileEdit(path, lambda text: _put_into_project(text, setup))]
        return [FileEdit(path, lambda text: _put_into_user_file(text, setup), setup.password is not None)]

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return uv's variables: the default index, and the credentials of the index by its name."""
        index = {"UV_DEFAULT_INDEX": f"{setup.name}={setup.url.simple}"} if setup.proxies_public else {}
        return {
            **index,
            f"UV_INDEX_{setup.variable_name}_USERNAME": "$PYPI_PUBLISH_USERNAME",
            f"UV_INDEX_{setup.variable_name}_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
        }

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:
        """Explain where packages come from."""
        notes = []
        if setup.proxies_public:
            notes.append("uv uses only the private index, which passes public packages on and keeps its own names.")
        elif scope == "project":
            count = len(setup.packages)
            notes.append(
                f"The index is explicit: uv takes from it the {count} packages that [tool.uv.sources] names, and "
                "nothing else; everything else comes from the public index. Run this again when there are new ones."
            )
        else:
            notes.append(
                "Your uv.toml only enables keyring. List the private packages in each project: "
                "`pypi-publish config uv --scope project --write`."
            )
        if scope == "project":
            notes.append(
                "Everyone who works on it must run `pypi-publish config uv --write` once, for the credentials."
            )
        return notes

    def read(self, machine: Machine) -> Sequence[ConfiguredIndex]:
        """Return the indexes that the person's file, the project's and the environment name."""
        found: list[ConfiguredIndex] = list(_from_variables(machine))
        for scope in self.scopes:
            path = self.paths(machine, scope)[0]
            found += _from_table(path, _read(path))
        return found

    def asked(self, tool: InstalledTool, examined: Examined) -> Sequence[ConfiguredIndex]:  # noqa: ARG002 - no command
        """Return the indexes that uv asks; one that asks keyring gets ours from each project that names it."""
        settings = read_settings(examined.machine)
        if settings.keyring and not owned(settings.indexes, examined):
            return [*settings.indexes, _named_by_projects(examined.setup)]
        return settings.indexes

    def risk(self, asked: Sequence[ConfiguredIndex], examined: Examined) -> str | None:
        """Judge the order: by default, uv takes a package from the first index that has its name."""
        usual = [index for index in asked if not (isinstance(index, UvIndex) and index.explicit)]
        own = next((index for index in asked if index.is_index(examined.setup.url)), None)
        if own is None or own not in usual:
            return None
        before, after = usual[: usual.index(own)], usual[usual.index(own) + 1 :]
        strategy = read_settings(examined.machine).strategy
        if strategy.startswith("unsafe") and (before or after):
            return f"index-strategy = {strategy!r} compares the versions of all indexes"
        if before:
            return f"it asks {before[0]} first, and this index for the rest"
        return f"a name that this index does not have, or no longer has, comes from {after[0]}" if after else None

    def install_command(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, name: str
    ) -> str:
        """Return `uv add`, after the index has got its name in the project."""
        del tool
        own = owned(asked, examined)
        if any(isinstance(index, UvIndex) and not index.explicit for index in own):
            return f"uv add {name}"
        if any(index.origin == str(examined.machine.folder / FILENAME) for index in own):
            return f"uv add --index {examined.setup.name}={examined.setup.url.simple} {name}"
        return f"pypi-publish config uv --scope project --write && uv add {name}"

    def fallbacks(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, typed: TypedCredentials
    ) -> Sequence[Fallback]:
        """Return the command that names the user to keyring, and the one with uv's own store of passwords."""
        own = next((index.name for index in owned(asked, examined) if isinstance(index, UvIndex) and index.name), None)
        variables = replace(examined.setup, name=own or examined.setup.name).variable_name
        user, password = f"UV_INDEX_{variables}_USERNAME", f"UV_INDEX_{variables}_PASSWORD"
        command, quoted = (
            self.install_command(tool, asked, examined, typed.package),
            shlex.quote(typed.credentials.username),
        )
        log_in = f"uv auth login --username {quoted} {examined.setup.url.root}"
        named = {user: typed.credentials.username}
        return [
            Fallback(command.replace("uv add", f"{user}={quoted} uv add"), named),
            Fallback(
                command.replace("uv add", f"{log_in} && uv add"),
                {**named, password: typed.credentials.password.reveal()},
                "asks for the password once",
            ),
        ]

    def try_download(
        self, tool: InstalledTool, asked: Sequence[ConfiguredIndex], examined: Examined, candidate: Candidate
    ) -> Trial:
        """Resolve a package in a project that gets it from the index, and install its wheel into a folder."""
        settings = read_settings(examined.machine)
        own = next(
            (index for index in asked if isinstance(index, UvIndex) and index.is_index(examined.setup.url)),
            _named_by_projects(examined.setup),
        )
        indexes = settings.indexes if own in settings.indexes else [*settings.indexes, own]
        project = _trial_project(candidate, own, settings._replace(indexes=indexes))
        hint = f"Let uv ask keyring: {how_to_configure('uv')}." if not settings.keyring else "`uv -v` says more."
        with TemporaryDirectory(prefix="pypi-publish-") as temporary:
            folder = Path(temporary)
            (folder / FILENAME).write_text(to_toml(project), "utf-8")
            compile_: list[str | Path] = [tool.program, "pip", "compile", "--no-header", "--no-annotate", *_OPTIONS]
            outcome = run_program([*compile_, FILENAME], folder=folder, environment=examined.environment)
            pin = re.search(r"^\S+==(\S+)", outcome.stdout, re.MULTILINE)
            if outcome.code != 0 or pin is None or pin[1] not in candidate.versions:
                return Trial(outcome, pin[1] if pin else None, hint)
            install: list[str | Path] = [tool.program, "pip", "install", "--only-binary=:all:", "--no-cache", *_OPTIONS]
            into = ["--target", "there", "-r", FILENAME]
            outcome = run_program([*install, *into], folder=folder, environment=examined.environment)
            installed = any((folder / "there").glob("*.dist-info"))
        return Trial(outcome, pin[1] if installed else None, hint)


def read_settings(machine: Machine) -> UvSettings:
    """
    Return uv's settings for a folder from its variables and files, since uv has no command for that.

    Raises ConfigurationError when a file can't be read.
    """
    tables = [(path, table) for path in _files(machine) if (table := _read(path))]
    indexes = [*_from_variables(machine), *(index for path, table in tables for index in _from_table(path, table))]
    indexes.sort(key=lambda index: index.default)
    defaults = [index for index in indexes if index.default]
    if not defaults:
        indexes.append(UvIndex(PUBLIC, "its default", default=True))
    settings = {key: value for _, table in reversed(tables) for key, value in table.items()}
    return UvSettings(
        [index for index in indexes if index not in defaults[1:]],
        machine.environment.get("UV_INDEX_STRATEGY") or str(settings.get("index-strategy", "first-index")),
        (machine.environment.get("UV_KEYRING_PROVIDER") or settings.get("keyring-provider")) == "subprocess",
    )


def _files(machine: Machine) -> Iterator[Path]:
    """Yield the files that uv reads, the one that wins first."""
    environment, folder = machine.environment, machine.folder.resolve()
    if environment.get("UV_NO_CONFIG", "").lower() in {"1", "true", "yes"}:
        return
    if named := environment.get("UV_CONFIG_FILE"):
        yield Path(named)
        return
    for place in (folder, *folder.parents):
        own = [path for name in ("uv.toml", FILENAME) if (path := place / name).exists() and _read(path)]
        if own:
            yield own[0]
            break
    yield machine.config / "uv" / "uv.toml"
    if machine.is_windows:
        yield machine.variable("PROGRAMDATA", Path("C:/ProgramData")) / "uv" / "uv.toml"
        return
    shared = (environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    yield next((path for place in shared if (path := Path(place) / "uv/uv.toml").exists()), Path("/etc/uv/uv.toml"))


def _read(path: Path) -> dict[str, Any]:
    """Return uv's settings in a file; raise ConfigurationError when it can't be read."""
    try:
        document = read_toml(read_text(path) or "")
    except ConfigurationError as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise ConfigurationError(message, hint="Fix it, or move it away.", path=path) from error
    return table_at(document, "tool.uv") if path.name == FILENAME else document


def _from_variables(machine: Machine) -> Iterator[UvIndex]:
    for variable, default in (
        ("UV_INDEX", False),
        ("UV_EXTRA_INDEX_URL", False),
        ("UV_DEFAULT_INDEX", True),
        ("UV_INDEX_URL", True),
    ):
        for word in machine.environment.get(variable, "").split():
            name, separator, url = word.partition("=")
            named = bool(separator) and "://" not in name
            yield UvIndex(url if named else word, variable, name=name if named else None, default=default)


def _from_table(path: Path, table: Mapping[str, Any]) -> Iterator[UvIndex]:
    for entry in table.get("index", ()):
        if isinstance(entry, dict):
            flags = {flag: bool(entry.get(flag)) for flag in ("explicit", "default")}
            yield UvIndex(str(entry.get("url", "")), str(path), name=entry.get("name"), **flags, table=entry)
    for url in table.get("extra-index-url", ()):
        yield UvIndex(str(url), str(path))
    if url := table.get("index-url"):
        yield UvIndex(str(url), str(path), default=True)


def _named_by_projects(setup: Setup) -> UvIndex:
    """Return the index as `pypi-publish config uv` puts it into a project."""
    table = _project_index(setup)
    return UvIndex(setup.url.simple, _BY_PROJECTS, name=setup.name, explicit=not setup.proxies_public, table=table)


def _trial_project(candidate: Candidate, own: UvIndex, settings: UvSettings) -> dict[str, Any]:
    """Return a project that gets one package as others would: an explicit index has to be named for it."""
    sources = {candidate.name: {"index": own.name}} if own.explicit and own.name else {}
    return {
        "project": {"name": "trial", "version": "0", "dependencies": [candidate.name]},
        "tool": {
            "uv": {
                "index": [dict(index.table) for index in settings.indexes if index.table],
                "index-strategy": settings.strategy,
                **({"keyring-provider": "subprocess"} if settings.keyring else {}),
                "sources": sources,
            }
        },
    }


def _project_index(setup: Setup) -> dict[str, Any]:
    kind = {"default": True} if setup.proxies_public else {"explicit": True}
    return {"name": setup.name, "url": setup.url.simple, **kind, "authenticate": "always"}


def _put_into_user_file(text: str | None, setup: Setup) -> str:
    keys = {"keyring-provider": "subprocess"} if setup.password is None else {}
    if not setup.proxies_public:
        return put_tables(text, "uv", keys=keys)
    index = {"name": setup.name, "url": setup.personal_url, "default": True, "authenticate": "always"}
    return put_tables(text, "uv", keys=keys, hidden=("index-url", "extra-index-url"), arrays={"index": index})


def _put_into_project(text: str | None, setup: Setup) -> str:
    index = _project_index(setup)
    if setup.proxies_public:
        return put_tables(text, "uv", arrays={"tool.uv.index": index})
    document = read_toml(text or "")
    named = {*table_at(document, "tool.uv.sources"), table_at(document, "project").get("name")}
    known = {canonicalize_name(name) for name in named if isinstance(name, str)}
    sources = {name: {"index": setup.name} for name in setup.packages if canonicalize_name(name) not in known}
    tables: dict[str, Mapping[str, Any]] = {"tool.uv.sources": sources} if sources else {}
    if through_others := needed_through_others(standard_dependencies(document), setup.private_dependencies):
        tables["dependency-groups"] = {
            setup.group: through_others
        }  # uv uses a source only for names that the project lists
    return put_tables(text, "uv", arrays={"tool.uv.index": index}, tables=tables)
