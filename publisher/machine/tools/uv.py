"""uv's configuration: a person's uv.toml, and [tool.uv] of a project."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from packaging.utils import canonicalize_name

from publisher.files.changes import read_text
from publisher.files.toml import put_tables, read_toml, table_at
from publisher.machine.paths import Machine
from publisher.machine.tools.tool import FileEdit, Finding, Setup
from publisher.machine.tools.transitive import needed_through_others, standard_dependencies
from publisher.project.pyproject import FILENAME
from publisher.secret import mask_urls


class Uv:
    """
    uv takes a name from the first index that has it, and a project may say which index a package comes from.

    See https://docs.astral.sh/uv/concepts/indexes/.
    """

    name: ClassVar[str] = "uv"
    command: ClassVar[str] = "uv"
    scopes: ClassVar[Sequence[str]] = ("user", "project")

    def paths(self, machine: Machine, scope: str) -> Sequence[Path]:
        """Return the person's file, which uv keeps in ``~/.config`` on macOS too, or the project's."""
        if scope == "project":
            return [machine.folder / FILENAME]
        return [machine.variable("UV_CONFIG_FILE", machine.config / "uv" / "uv.toml")]

    def edits(self, setup: Setup, machine: Machine, scope: str) -> Sequence[FileEdit]:
        """Return what a person's file says of credentials, or what a project's says of its indexes."""
        path = self.paths(machine, scope)[0]
        if scope == "project":
            return [FileEdit(path, lambda text: _put_into_project(text, setup))]
        return [FileEdit(path, lambda text: _put_into_user_file(text, setup), setup.password is not None)]

    def variables(self, setup: Setup) -> Mapping[str, str]:
        """Return uv's variables: the default index, and the credentials of the index by its name."""
        name = "".join(character if character.isalnum() else "_" for character in setup.name.upper())
        index = {"UV_DEFAULT_INDEX": f"{setup.name}={setup.url.simple}"} if setup.passes_on else {}
        return {
            **index,
            f"UV_INDEX_{name}_USERNAME": "$PYPI_PUBLISH_USERNAME",
            f"UV_INDEX_{name}_PASSWORD": "$PYPI_PUBLISH_PASSWORD",
        }

    def notes(self, setup: Setup, scope: str) -> Sequence[str]:
        """Explain where packages come from."""
        notes = []
        if setup.passes_on:
            notes.append("uv has the private index alone, which passes public names on and keeps its own to itself.")
        elif scope == "project":
            count = len(setup.packages)
            notes.append(
                f"The index is explicit: uv takes from it the {count} packages that [tool.uv.sources] names, and "
                "nothing else; everything else comes from the public index. Run this again when there are new ones."
            )
        else:
            notes.append(
                "In the user's file stands only where passwords come from. Which packages come from the private index "
                "is said in each project: run `pypi-publish config uv --scope project --write` there."
            )
        if scope == "project":
            notes.append("Everybody who works on it runs `pypi-publish config uv --write` once, for the credentials.")
        return notes

    def read(self, machine: Machine) -> Sequence[Finding]:
        """Return the indexes that the person's file, the project's and the environment name."""
        found = [finding for scope in self.scopes for finding in self._read_file(machine, scope)]
        for variable in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"):
            urls = machine.environment.get(variable, "").split()
            found += [_finding(Path(variable), url.rpartition("=")[2] if "=http" in url else url) for url in urls]
        return found

    def _read_file(self, machine: Machine, scope: str) -> list[Finding]:
        path = self.paths(machine, scope)[0]
        text = read_text(path)
        if text is None:
            return []
        document = read_toml(text)
        table = table_at(document, "tool.uv") if scope == "project" else document
        urls = [index.get("url", "") for index in table.get("index", []) if isinstance(index, dict)]
        urls += [table[key] for key in ("index-url",) if isinstance(table.get(key), str)]
        extra = [url for url in table.get("extra-index-url", []) if isinstance(url, str)]
        unsafe = str(table.get("index-strategy", "")).startswith("unsafe")
        return [_finding(path, url, leaks=unsafe) for url in [*urls, *extra]]


def _put_into_user_file(text: str | None, setup: Setup) -> str:
    keys = {"keyring-provider": "subprocess"} if setup.password is None else {}
    if not setup.passes_on:
        return put_tables(text, "uv", keys=keys)
    index = {"name": setup.name, "url": setup.personal_url, "default": True, "authenticate": "always"}
    return put_tables(text, "uv", keys=keys, hidden=("index-url", "extra-index-url"), arrays={"index": index})


def _put_into_project(text: str | None, setup: Setup) -> str:
    index: dict[str, Any] = {"name": setup.name, "url": setup.url.simple}
    index |= {"default": True} if setup.passes_on else {"explicit": True}
    index["authenticate"] = "always"
    if setup.passes_on:
        return put_tables(text, "uv", arrays={"tool.uv.index": index})
    document = read_toml(text or "")
    named = {*table_at(document, "tool.uv.sources"), table_at(document, "project").get("name")}
    known = {canonicalize_name(name) for name in named if isinstance(name, str)}
    sources = {name: {"index": setup.name} for name in setup.packages if canonicalize_name(name) not in known}
    tables: dict[str, Mapping[str, Any]] = {"tool.uv.sources": sources} if sources else {}
    if through_others := needed_through_others(standard_dependencies(document), setup.needs):
        tables["dependency-groups"] = {setup.group: through_others}  # sources are heeded for what a project names
    return put_tables(text, "uv", arrays={"tool.uv.index": index}, tables=tables)


def _finding(path: Path, url: str, *, leaks: bool = False) -> Finding:
    return Finding(path, mask_urls(url), holds_secret=mask_urls(url) != url, leaks=leaks)
