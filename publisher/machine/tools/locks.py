"""The sources and locks of projects of poetry and pdm, which have the same form."""

from pathlib import Path
from typing import Any

from publisher.errors import ConfigurationError
from publisher.files.changes import read_text
from publisher.files.tables import table_at
from publisher.files.toml import read_toml
from publisher.machine.paths import Machine
from publisher.project.pyproject import FILENAME


def read_sources(tool: str, machine: Machine) -> list[dict[str, Any]]:
    """
    Return the tables of the sources that the folder's project names for a tool; none of a file that can't be read.

    The checks of the project report such a file.
    """
    try:
        document = read_toml(read_text(machine.folder / FILENAME) or "")
    except ConfigurationError:
        return []
    found = table_at(document, f"tool.{tool}").get("source", [])
    return [source for source in found if isinstance(source, dict) and "name" in source]


def locked_version(lock: Path, name: str) -> str | None:
    """Return the version that a lock file has of a package."""
    if not lock.exists():
        return None
    packages = read_toml(read_text(lock) or "").get("package", [])
    return next((str(package["version"]) for package in packages if package["name"] == name), None)
