"""What a project's pyproject.toml says of the project, before anything is built."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version

from publisher.errors import ConfigurationError
from publisher.project.versions import parse_version

FILENAME = "pyproject.toml"


@dataclass(frozen=True)
class Source:
    """A project's folder, and its name and version where they can be known without building."""

    folder: Path
    name: NormalizedName | None = None
    version: Version | None = None

    @property
    def file(self) -> Path:
        """The file that says it."""
        return self.folder / FILENAME


def read_pyproject(folder: Path) -> dict[str, Any]:
    """
    Return the parsed pyproject.toml of a folder; nothing where there is no such file.

    Raises ConfigurationError when the file can't be read or is no TOML.
    """
    path = folder / FILENAME
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else None
        if "at end of document" in str(error):
            line = max(1, len(path.read_bytes().splitlines()))
        raise ConfigurationError(
            f"{path} is not valid TOML: {error}.",
            hint="Mend the line that it names.",
            path=path,
            line=line,
        ) from error


def read_source(folder: Path) -> Source:
    """
    Return what a folder's ``[project]`` table says (PEP 621), or ``[tool.poetry]``, which has the same two keys.

    Raises ConfigurationError as `read_pyproject` does; a table that is invalid is told by the build.
    """
    document = read_pyproject(folder)
    match document:
        case {"project": dict(table)} | {"tool": {"poetry": dict(table)}}:
            return Source(folder, _name(table.get("name")), parse_version(table.get("version")))
    return Source(folder)


def _name(text: Any) -> NormalizedName | None:
    try:
        return canonicalize_name(text, validate=True)
    except (InvalidName, TypeError):
        return None
