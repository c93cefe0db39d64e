"""A project's folder and pyproject.toml, before anything is built."""

import re
import tomllib
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from publisher.errors import ConfigurationError

if TYPE_CHECKING:
    from packaging.utils import NormalizedName
    from packaging.version import Version

FILENAME = "pyproject.toml"
_PROJECT_FILES = (FILENAME, "setup.py")


class Source(NamedTuple):
    """A project's folder, and its name and version where they can be known without building."""

    folder: Path
    name: "NormalizedName | None" = None
    version: "Version | None" = None

    @property
    def file(self) -> Path:
        """The file with name and version."""
        return self.folder / FILENAME


def is_project(folder: Path) -> bool:
    """Return whether a folder holds a project that can be built."""
    return any((folder / name).is_file() for name in _PROJECT_FILES)


def describes_project(folder: Path) -> bool:
    """
    Return whether a folder's files describe a project, not only settings of tools or a workspace.

    Raises ConfigurationError as `read_pyproject` does.
    """
    return bool({"project", "build-system"} & read_pyproject(folder).keys()) or (folder / "setup.py").is_file()


def require_project(folder: Path) -> None:
    """Raise ConfigurationError unless a folder exists and holds a project."""
    if not folder.is_dir():
        state = "is a file, not a folder" if folder.exists() else "does not exist"
        hint = "Name the folder with pyproject.toml; built files are published with `pypi-publish upload`."
        raise ConfigurationError(f"The project folder {folder} {state}.", hint=hint)
    if not is_project(folder):
        raise ConfigurationError(
            f"The folder {folder.resolve()} is not a Python project: it has no pyproject.toml.",
            hint="Name the folder with pyproject.toml, for example `pypi-publish packages/acme-widgets`.",
        )


def read_pyproject(folder: Path) -> dict[str, Any]:
    """
    Return the parsed pyproject.toml of a folder; an empty one if the file does not exist.

    Raises ConfigurationError when the file can't be read or is not valid TOML.
    """
    path = folder / FILENAME
    if path.is_fifo():
        raise ConfigurationError(f"{path} is a named pipe, not a file.", path=path)  # reading it would wait for ever
    try:
        return deepcopy(_parse(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}.") from error
    except RecursionError:
        raise ConfigurationError(f"{path} is not valid TOML: its values are nested too deeply.", path=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else None
        if "at end of document" in str(error):
            line = max(1, len(path.read_bytes().splitlines()))
        raise ConfigurationError(
            f"{path} is not valid TOML: {error}.",
            hint="Fix that line.",
            path=path,
            line=line,
        ) from error


@lru_cache(maxsize=32)
def _parse(content: bytes) -> dict[str, Any]:
    """Return a parsed document, which must not be changed: a run reads the same file several times."""
    return tomllib.loads(content.decode())


def read_source(folder: Path) -> Source:
    """
    Return name and version in a folder's ``[project]`` table (PEP 621), or in ``[tool.poetry]``.

    Raises ConfigurationError as `read_pyproject` does; the build reports an invalid table.
    """
    from publisher.project.versions import parse_version  # noqa: PLC0415 - a build begins without it

    document = read_pyproject(folder)
    match document:
        case {"project": dict(table)} | {"tool": {"poetry": dict(table)}}:
            return Source(folder, _name(table.get("name")), parse_version(table.get("version")))
    return Source(folder)


def declared_version(folder: Path) -> str | None:
    """Return the version in the ``[project]`` table as it is written; None without one."""
    match read_pyproject(folder):
        case {"project": {"version": str(version)}}:
            return version
    return None


def declared_build_requirements(folder: Path) -> list[str] | None:
    """Return the requirements of ``[build-system]``; None unless the table declares them in a valid way."""
    try:
        match read_pyproject(folder):
            case {"build-system": {"requires": [*required]}} if all(isinstance(each, str) for each in required):
                return required
    except ConfigurationError:
        pass
    return None


def build_backend_module(folder: Path) -> str | None:
    """Return the module of an installed build backend; None for a backend in the project's own folder."""
    table = read_pyproject(folder).get("build-system", {})
    if "backend-path" in table:
        return None
    return str(table.get("build-backend", "setuptools.build_meta")).partition(":")[0]


def _name(text: Any) -> "NormalizedName | None":
    from packaging.utils import InvalidName, canonicalize_name  # noqa: PLC0415 - a build begins without it

    try:
        return canonicalize_name(text, validate=True)
    except (InvalidName, TypeError):
        return None
