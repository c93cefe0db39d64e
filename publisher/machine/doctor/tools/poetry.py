"""The checks of poetry, which takes its indexes from each project."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from publisher.errors import ConfigurationError
from publisher.files.toml import to_toml
from publisher.machine.doctor.findings import Finding
from publisher.machine.doctor.programs import run_program
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


def check_poetry(examined: Examined) -> ToolCheck:
    """Yield what is found; return whether poetry asks the index in this project."""
    tool = yield from find_tool("poetry")
    if tool is None:
        return None
    tables = _tables(examined.folder)
    own = [table for table in tables if _source(table, examined.folder).is_index(examined.url)]
    sources = [_source(table, examined.folder) for table in tables]
    yield from tell_place(tool, [_source(table, examined.folder) for table in own], "each project names its own")
    yield from tell_passwords(tool, sources)
    if own:
        yield from _check_leak(tool, own[0], tables, examined.folder)
        if examined.candidate is not None:
            yield from _try(tool, own[0], tables, examined.candidate)
    return bool(own)


def _tables(folder: Path) -> list[dict[str, Any]]:
    """Return the tables of a project's sources; a project that can't be read is told by the checks of the project."""
    try:
        found = read_pyproject(folder).get("tool", {}).get("poetry", {}).get("source", [])
    except (ConfigurationError, AttributeError):
        return []
    return [table for table in found if isinstance(table, dict) and "name" in table]


def _source(table: dict[str, Any], folder: Path) -> Source:
    url = PUBLIC if table["name"].lower() == "pypi" else str(table.get("url", ""))
    return Source(url, str((folder / FILENAME).resolve()))


def _priority(table: dict[str, Any]) -> str:
    return str(table.get("priority", "primary")).lower()


def _check_leak(tool: Tool, own: dict[str, Any], tables: list[dict[str, Any]], folder: Path) -> Iterator[Finding]:
    """Judge the priorities: poetry compares the versions of all primary sources, and asks supplemental ones last."""
    if _priority(own) == "explicit":
        return
    primary = [table for table in tables if _priority(table) in {"primary", "default"}]
    if _priority(own) == "supplemental":
        first = _source(primary[0], folder) if primary else PUBLIC
        yield tell_leak(tool, f"it asks {first} first, and this index for the rest")
    elif others := [table for table in primary if table is not own]:
        yield tell_leak(tool, f"it takes the highest version that this index or {_source(others[0], folder)} has")


def _try(tool: Tool, own: dict[str, Any], tables: list[dict[str, Any]], candidate: Candidate) -> Iterator[Finding]:
    """Lock a project that takes one package from the index."""
    source = {"source": own["name"]} if _priority(own) == "explicit" else {}
    project = {
        "tool": {
            "poetry": {
                "package-mode": False,
                "source": tables,
                "dependencies": {
                    "python": ">=3.11",
                    candidate.name: {"version": "*", "allow-prereleases": True, **source},
                },
            }
        }
    }
    with TemporaryDirectory(prefix="pypi-publish-") as temporary:
        folder = Path(temporary)
        (folder / FILENAME).write_text(to_toml(project), "utf-8")
        outcome = run_program([tool.program, "lock", "--no-interaction"], folder=folder, time_limit=_TIME_LIMIT)
        found = locked_version(folder / "poetry.lock", candidate.name)
    hint = f"If it is not let in: `poetry config http-basic.{own['name']} USER`. `poetry lock -vvv` says more."
    yield from tell_trial(tool, candidate, outcome, found, hint)


def locked_version(lock: Path, name: str) -> str | None:
    """Return the version that a lock file has of a package."""
    if not lock.exists():
        return None
    packages = tomllib.loads(lock.read_text("utf-8")).get("package", [])
    return next((str(package["version"]) for package in packages if package["name"] == name), None)
