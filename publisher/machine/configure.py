"""Configuring tools for an index, and undoing it."""

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from publisher.client.models import Account
from publisher.client.url import IndexUrl
from publisher.errors import ConfigurationError
from publisher.files.changes import FileChange, read_text
from publisher.files.managed_blocks import MARKS, added_lines, remove_blocks
from publisher.machine.paths import Machine
from publisher.machine.tools.netrc import Netrc
from publisher.machine.tools.pdm import Pdm
from publisher.machine.tools.pip import Pip
from publisher.machine.tools.poetry import Poetry
from publisher.machine.tools.pypirc import Pypirc
from publisher.machine.tools.tool import Setup, Tool
from publisher.machine.tools.uv import Uv
from publisher.project.pyproject import FILENAME

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in (Pip(), Uv(), Poetry(), Pdm(), Pypirc(), Netrc())}

PERSONAL = "user"
"""The scope of the files in a person's home."""

_GENERIC_LABELS = frozenset({"www", "localhost", "pypi", "packages", "index", "simple"})


def found_tools(path: str | None = None) -> list[Tool]:
    """Return the tools that are on the path (``PATH``, unless another one is given)."""
    return [tool for tool in TOOLS.values() if tool.command and shutil.which(tool.command, path=path)]


def unset_tools(setup: Setup, machine: Machine) -> list[Tool]:
    """
    Return the found tools whose file in a person's home can be set up for an index, and is not.

    pip is one of them only for an index that passes public names on: it would be its only one, in every project.
    """
    tools = [tool for tool in found_tools() if PERSONAL in tool.scopes]
    return [tool for tool in tools if (setup.proxies_public or tool.name != "pip") and _is_unset(tool, setup, machine)]


def _is_unset(tool: Tool, setup: Setup, machine: Machine) -> bool:
    try:
        return any(change.changes for change in setup_changes(tool, setup, machine, PERSONAL).values())
    except ConfigurationError:
        return False


def default_scope(tool: Tool, machine: Machine) -> str:
    """Return the scope that a tool's configuration usually has: in an active virtual environment, pip's is there."""
    if "site" in tool.scopes and machine.environment.get("VIRTUAL_ENV"):
        return "site"
    return tool.scopes[0]


def make_setup(url: IndexUrl, account: Account | None) -> Setup:
    """Return the settings for an account owner's tools."""
    if account is None:
        return Setup(url, index_name(url))
    return Setup(url, index_name(url), account.username, proxies_public=account.passes_on)


def index_name(url: IndexUrl) -> str:
    """Return a short name for an index: the first part of its host, or "private" if that is generic."""
    label = re.split(r"--|\.", url.host)[0]
    return label if re.fullmatch(r"[a-z][a-z0-9-]*", label) and label not in _GENERIC_LABELS else "private"


def setup_changes(
    tool: Tool, setup: Setup, machine: Machine, scope: str, earlier: Mapping[Path, FileChange] | None = None
) -> dict[Path, FileChange]:
    """
    Return the files to write so that a tool uses an index; one that is right already does not change.

    They come on top of ``earlier`` changes, which are in the result: several tools share a project's file.

    Raises ConfigurationError when a file can't be read or added to.
    """
    changes = dict(earlier or {})
    for edit in tool.edits(setup, machine, scope):
        change = _change_of(edit.path, changes)
        try:
            after = edit.put(None if change.after is None else remove_blocks(change.after, tool.name))
        except ConfigurationError as error:
            raise ConfigurationError(f"{edit.path}: {error.message}", hint=error.hint, path=edit.path) from error
        changes[edit.path] = change._replace(after=after, private=edit.holds_secret or change.private)
    return changes


def removal_changes(
    tool: Tool, machine: Machine, scope: str, earlier: Mapping[Path, FileChange] | None = None
) -> dict[Path, FileChange]:
    """Return the files to write or remove to undo `setup_changes` of a tool."""
    changes = dict(earlier or {})
    for path in tool.paths(machine, scope):
        change = _change_of(path, changes)
        if change.after is not None:
            changes[path] = change._replace(after=remove_blocks(change.after, tool.name))
    return changes


def _change_of(path: Path, changes: Mapping[Path, FileChange]) -> FileChange:
    """Return the pending change of a file, or one that changes nothing."""
    if path in changes:
        return changes[path]
    text = read_text(path)
    return FileChange(path, text, text)


def forgetting_changes(tool: Tool, url: IndexUrl, machine: Machine) -> list[FileChange]:
    """
    Return the changes that remove everything that `setup_changes` added for an index from the user's own files.

    Those are the ones at home and in the active virtual environment; a project's are its team's. Raises
    ConfigurationError when one can't be read.
    """
    changes = []
    for path in _personal_files(tool, machine):
        text = read_text(path)
        if text is not None and _was_set_up(text, tool, url):
            changes.append(FileChange(path, text, remove_blocks(text, tool.name)))
    return changes


def _personal_files(tool: Tool, machine: Machine) -> list[Path]:
    scopes = [scope for scope in tool.scopes if scope != "global"]
    if not machine.environment.get("VIRTUAL_ENV"):
        scopes = [scope for scope in scopes if scope != "site"]
    paths = [path for scope in scopes for path in tool.paths(machine, scope)]
    return [path for path in paths if path.name != FILENAME]


def _was_set_up(text: str, tool: Tool, url: IndexUrl) -> bool:
    """Return whether a tool was set up for an index: by its URL, the host that netrc names, or poetry's name for it."""
    _, _, place = url.root.partition("://")
    return any(
        f"//{place}" in line
        or f"@{place}" in line
        or line.split()[:2] == ["machine", url.host]
        or line.rstrip() == f"[http-basic.{index_name(url)}]"
        for line in added_lines(text, tool.name)
    )


def files_with_passwords(url: IndexUrl, machine: Machine) -> list[Path]:
    """Return the tools' files that hold a password for an index, as far as they can be read."""
    found: dict[str, None] = {}
    for tool in TOOLS.values():
        with suppress(ConfigurationError):
            found |= {
                index.origin: None
                for index in tool.read(machine)
                if index.holds_secret and (url.is_meant_by(index.url) or index.url == url.host)
            }
    return [Path(origin) for origin in found]


def print_setup(tool: Tool, setup: Setup, machine: Machine, scope: str) -> list[tuple[Path, str]]:
    """Return files as they would be if there were none yet, without the marks that `setup_changes` adds."""
    files: list[tuple[Path, str]] = []
    for edit in tool.edits(setup, machine, scope):
        lines = edit.put(None).splitlines(keepends=True)
        files.append((edit.path, "".join(line for line in lines if not line.startswith(MARKS))))
    return files


def export_lines(tools: Sequence[Tool], setup: Setup) -> list[str]:
    """Return shell lines that set the variables of tools, where ``$`` is the shell's to replace."""
    variables = {name: value for tool in tools for name, value in tool.variables(setup).items()}
    return [f'export {name}="{value}"' for name, value in variables.items()]
