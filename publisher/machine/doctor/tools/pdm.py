"""The checks of pdm, which takes its indexes from a project, and the first of them from its own configuration."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from publisher.errors import ConfigurationError
from publisher.files.toml import to_toml
from publisher.machine.doctor.findings import Finding
from publisher.machine.doctor.programs import run_program
from publisher.machine.doctor.tools.poetry import locked_version
from publisher.machine.doctor.tools.sources import (
    PUBLIC,
    Candidate,
    Examined,
    Source,
    Tool,
    ToolCheck,
    find_tool,
    tell_leak,
    tell_passwords,
    tell_place,
    tell_trial,
)
from publisher.project.pyproject import FILENAME, read_pyproject

_TIME_LIMIT = 60.0
_QUIETLY = {"PDM_CHECK_UPDATE": "false"}
_DEFAULT = "pypi"
"""The name of the source that every project has; one of that name in a project takes its place."""


def check_pdm(examined: Examined) -> ToolCheck:
    """Yield what is found; return whether pdm asks the index."""
    tool = yield from find_tool("pdm")
    if tool is None:
        return None
    tables = _tables(examined.folder)
    sources = [Source(str(table.get("url", "")), str((examined.folder / FILENAME).resolve())) for table in tables]
    if not any(table["name"] == _DEFAULT for table in tables):
        sources.append(_default(tool))
    own = [source for source in sources if source.is_index(examined.url)]
    yield from tell_place(tool, own, f"it installs from {' and '.join(map(str, sources))}")
    yield from tell_passwords(tool, sources)
    if own:
        yield from _check_leak(tool, examined, tables, sources)
        if examined.candidate is not None:
            yield from _try(tool, tables, examined.candidate)
    return bool(own)


def _tables(folder: Path) -> list[dict[str, Any]]:
    """Return the tables of a project's sources; a project that can't be read is told by the checks of the project."""
    try:
        found = read_pyproject(folder).get("tool", {}).get("pdm", {}).get("source", [])
    except (ConfigurationError, AttributeError):
        return []
    return [table for table in found if isinstance(table, dict) and "name" in table]


def _default(tool: Tool) -> Source:
    """Return what stands in for the public index, which pdm tells itself."""
    if url := os.environ.get("PDM_PYPI_URL"):
        return Source(url, "PDM_PYPI_URL")
    shown = run_program([tool.program, "config"], environment=_QUIETLY).stdout
    configured = re.search(r"^pypi\.url = (\S+)", shown.partition("Home configuration")[2], re.MULTILINE)
    return Source(configured[1], "`pdm config pypi.url`") if configured else Source(PUBLIC, "its default")


def _check_leak(
    tool: Tool, examined: Examined, tables: list[dict[str, Any]], sources: list[Source]
) -> Iterator[Finding]:
    """Judge the sources: pdm compares the versions of all that may have a package."""
    others = [source for source in sources if not source.is_index(examined.url)]
    bound = [
        table
        for table in tables
        if Source(str(table.get("url", "")), "").is_index(examined.url) and table.get("include_packages")
    ]
    if others and not bound:
        yield tell_leak(tool, f"it takes the highest version that this index or {others[0]} has")


def _try(tool: Tool, tables: list[dict[str, Any]], candidate: Candidate) -> Iterator[Finding]:
    """Lock a project that takes one package from where this one would."""
    project = {
        "project": {"name": "trial", "version": "0", "requires-python": ">=3.11", "dependencies": [candidate.name]},
        "tool": {"pdm": {"distribution": False, "source": tables, "resolution": {"allow-prereleases": True}}},
    }
    with TemporaryDirectory(prefix="pypi-publish-") as temporary:
        folder = Path(temporary)
        (folder / FILENAME).write_text(to_toml(project), "utf-8")
        outcome = run_program(
            [tool.program, "--non-interactive", "lock"],
            folder=folder,
            environment=_QUIETLY,
            time_limit=_TIME_LIMIT,
        )
        found = locked_version(folder / "pdm.lock", candidate.name)
    hint = (
        "If it is not let in: its own keyring lacks our plug-in (`uv tool install pdm --with pypi-publish`), or put "
        "the user name into the source's URL. `pdm lock -v` says more."
    )
    yield from tell_trial(tool, candidate, outcome, found, hint)
