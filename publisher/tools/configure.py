"""Setting tools up for an index, and taking that back."""

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from publisher.blocks import MARKS, remove_blocks
from publisher.credentials import Credentials
from publisher.drafts import Draft, read_text
from publisher.errors import ConfigurationError
from publisher.index import Index
from publisher.tools.machine import Machine
from publisher.tools.netrcs import Netrc
from publisher.tools.pdm import Pdm
from publisher.tools.pip import Pip
from publisher.tools.poetry import Poetry
from publisher.tools.pypirc import Pypirc
from publisher.tools.setup import Setup, Tool
from publisher.tools.uv import Uv
from publisher.urls import IndexUrl

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in (Pip(), Uv(), Poetry(), Pdm(), Pypirc(), Netrc())}

_UNTELLING = frozenset({"www", "localhost", "pypi", "packages", "index", "simple"})


def found_tools(path: str | None = None) -> list[Tool]:
    """Return the tools that are on the path (``PATH``, unless another one is given)."""
    return [tool for tool in TOOLS.values() if tool.command and shutil.which(tool.command, path=path)]


def default_scope(tool: Tool, machine: Machine) -> str:
    """Return the scope that a tool's configuration usually has: in an active virtual environment, pip's is there."""
    if "site" in tool.scopes and machine.environment.get("VIRTUAL_ENV"):
        return "site"
    return tool.scopes[0]


def index_name(index: IndexUrl) -> str:
    """Return a short name for an index: the first part of its host, as far as that tells anything."""
    label = re.split(r"--|\.", index.host)[0]
    return label if re.fullmatch(r"[a-z][a-z0-9-]*", label) and label not in _UNTELLING else "private"


def look_at_index(index: IndexUrl, credentials: Credentials) -> tuple[bool, list[str]]:
    """
    Return whether an index passes on the names that it does not own, and the names of the projects on it.

    Raises CredentialsError when it refuses the credentials, IndexUnavailableError when it does not answer.
    """
    with closing(Index(index, credentials)) as connection:
        return connection.whoami().passes_on, sorted(connection.projects())


def draft_setup(tool: Tool, setup: Setup, machine: Machine, scope: str) -> list[Draft]:
    """
    Return the files that are to be written so that a tool uses an index; one that is right already does not change.

    Raises ConfigurationError when a file can't be read or added to.
    """
    drafts = []
    for edit in tool.edits(setup, machine, scope):
        before = read_text(edit.path)
        try:
            after = edit.put(None if before is None else remove_blocks(before))
        except ConfigurationError as error:
            raise ConfigurationError(f"{edit.path}: {error.message}", hint=error.hint, path=edit.path) from error
        drafts.append(Draft(edit.path, before, after, edit.holds_secret))
    return drafts


def draft_removal(tool: Tool, machine: Machine, scope: str) -> list[Draft]:
    """Return the files that are to be written, or removed, so that nothing of `draft_setup` is left."""
    drafts = []
    for path in tool.paths(machine, scope):
        before = read_text(path)
        if before is not None:
            drafts.append(Draft(path, before, remove_blocks(before)))
    return drafts


def print_setup(tool: Tool, setup: Setup, machine: Machine, scope: str) -> list[tuple[Path, str]]:
    """Return files as they would be if there were none yet, without the marks that `draft_setup` puts around lines."""
    files: list[tuple[Path, str]] = []
    for edit in tool.edits(setup, machine, scope):
        lines = edit.put(None).splitlines(keepends=True)
        files.append((edit.path, "".join(line for line in lines if not line.startswith(MARKS))))
    return files


def export_lines(tools: Sequence[Tool], setup: Setup) -> list[str]:
    """Return shell lines that set the variables of tools, where ``$`` is the shell's to replace."""
    variables = {name: value for tool in tools for name, value in tool.variables(setup).items()}
    return [f'export {name}="{value}"' for name, value in variables.items()]
