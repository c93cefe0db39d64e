"""uv as the installer of build requirements: its command, and the settings that count, as `uv build` takes them."""

import json
import os
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from publisher.errors import ConfigurationError
from publisher.project.child_environment import without_own_secrets
from publisher.project.pyproject import read_pyproject
from publisher.project.workspace import uv_members

_COUNT_FOR_BUILDS = frozenset(
    {
        "index",
        "index-url",
        "extra-index-url",
        "no-index",
        "find-links",
        "index-strategy",
        "keyring-provider",
        "allow-insecure-host",
        "native-tls",
        "system-certs",
        "offline",
        "prerelease",
        "resolution",
        "exclude-newer",
        "exclude-newer-package",
        "no-build",
        "no-build-package",
        "no-binary",
        "no-binary-package",
        "cache-dir",
        "link-mode",
    }
)
"""Keys of ``[tool.uv]`` and uv.toml; ``[tool.uv.pip]`` is for the person's own environments."""

_PLACES = frozenset({"index-url", "extra-index-url", "find-links"})
_INDEX_KEYS = ("index", "index-url", "extra-index-url", "find-links", "no-index")
_INDEX_VARIABLES = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
)
_CONFIG_FILE, _NO_CONFIG = "UV_CONFIG_FILE", "UV_NO_CONFIG"

_OTHER_PURPOSES = frozenset(
    {
        _CONFIG_FILE,  # read by `read_uv_settings`
        _NO_CONFIG,
        "PYTHONPATH",
        "UV_BREAK_SYSTEM_PACKAGES",
        "UV_COMPILE_BYTECODE",
        "UV_CONSTRAINT",
        "UV_EXCLUDE",
        "UV_NO_EDITABLE",
        "UV_OVERRIDE",
        "UV_PREFIX",
        "UV_PROJECT",
        "UV_PYTHON",
        "UV_REQUIRE_HASHES",
        "UV_SYSTEM_PYTHON",
        "UV_TARGET",
        "UV_TORCH_BACKEND",
        "UV_WORKING_DIR",
        "UV_WORKING_DIRECTORY",
    }
)
"""Variables that `uv pip install` heeds and `uv build` does not."""


def find_uv() -> str | None:
    """Return the path of uv, from its package or the search path; None if it is not installed."""
    try:
        import uv  # noqa: PLC0415, TID251 - an extra

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")


def has_uv_indexes(projects: Iterable[Path]) -> bool:
    """Return whether uv is configured for indexes, in the environment or for one of the projects."""
    if any(os.environ.get(variable) for variable in _INDEX_VARIABLES):
        return True
    settings = [read_uv_settings(project) for project in projects] or [read_uv_settings(Path())]
    return any(each.sources or any(f"{key} = " in each.config for key in _INDEX_KEYS) for each in settings)


def uv_variables(environment: Path) -> dict[str, str]:
    """Return uv's environment variables while it installs build requirements into a virtual environment."""
    own = without_own_secrets(os.environ)
    variables = {name: value for name, value in own.items() if name not in _OTHER_PURPOSES}
    if shutil.which("keyring"):
        variables.setdefault("UV_KEYRING_PROVIDER", "subprocess")
    return {**variables, "VIRTUAL_ENV": str(environment)}


@dataclass(frozen=True)
class UvBuildSettings:
    """Settings for one project's build: a configuration file for uv, and sources and indexes of requirements."""

    config: str = ""
    """In the form of uv.toml; empty without a configuration."""
    indexes: str = ""
    """The project's ``index`` key, in TOML, for sources that name one."""
    sources: tuple[tuple[str, str], ...] = field(default=())
    """By normalized name of a requirement, in TOML."""

    def pyproject(self, requirements: Iterable[str]) -> str | None:
        """Return the pyproject.toml of a project that depends on requirements; None when none of them has a source."""
        names = {_name(requirement) for requirement in requirements} if self.sources else ()
        sources = [f"{name} = {source}" for name, source in self.sources if name in names]
        if not sources:
            return None
        lines = ["[project]", 'name = "build-requirements"', 'version = "0"']
        lines += [f"dependencies = {_toml(sorted(requirements))}", "[tool.uv]", self.indexes, "[tool.uv.sources]"]
        return "\n".join([*lines, *sources, ""])


def uv_install_command(
    python: str, requirements: Iterable[str], settings: UvBuildSettings, folder: Path, *, into_folder: bool = False
) -> list[str]:
    """
    Return the command that installs requirements (PEP 508); its files are written to a folder, if it needs any.

    The requirements go into the interpreter's environment or, with ``into_folder``, into the one in the folder.
    """
    command = [find_uv() or "uv", "pip", "install", "--python", python]
    if into_folder:
        command += ["--prefix", str(folder)]
    for path in os.environ.get("UV_BUILD_CONSTRAINT", "").split():
        command += ["--constraints", path]
    if settings.config:
        (folder / "uv.toml").write_text(settings.config, "utf-8")
        command += ["--config-file", str(folder / "uv.toml")]
    else:
        command.append("--no-config")
    if (project := settings.pyproject(requirements)) is None:
        return [*command, "--", *sorted(requirements)]
    (folder / "pyproject.toml").write_text(project, "utf-8")
    return [*command, "--requirements", str(folder / "pyproject.toml")]


def read_uv_settings(project: Path) -> UvBuildSettings:
    """
    Return uv's settings for the build of a project: its own and its workspace's, the person's, and the system's.

    Raises ConfigurationError when one of the files can't be read.
    """
    project = project.resolve()
    root = _workspace_root(project)
    documents = [(folder, _uv_table(folder)) for folder in dict.fromkeys([project, root])]
    layers = [] if os.environ.get(_NO_CONFIG) else [*_config_layers(root)]
    merged = _merge(layers)
    indexes = [index for folder, table in documents for index in _absolute(folder, table).get("index", [])]
    sources: dict[str, str] = {}
    for folder, table in documents:
        for name, source in (table.get("sources") or {}).items():
            sources.setdefault(_normalized(name), _toml(_absolute_source(folder, name, source, root)))
    return UvBuildSettings(
        "".join(f"{key} = {_toml(value)}\n" for key, value in merged.items()),
        f"index = {_toml(indexes)}" if indexes else "",
        tuple(sources.items()),
    )


def _config_layers(root: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the tables that apply, from the most to the least important, each with its folder."""
    if named := os.environ.get(_CONFIG_FILE):
        yield Path(named).absolute().parent, _read(Path(named))
        return
    for folder in (root, *root.parents):
        if (folder / "uv.toml").is_file():
            yield folder, _read(folder / "uv.toml")
            break
        if table := _uv_table(folder):
            yield folder, table
            break
    for path in _personal_files():
        if path.is_file():
            yield path.parent, _read(path)


def _personal_files() -> Iterator[Path]:
    if sys.platform == "win32":
        yield from (Path(os.environ[name], "uv/uv.toml") for name in ("APPDATA", "PROGRAMDATA") if name in os.environ)
        return
    yield Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser(), "uv/uv.toml")
    for folder in (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(folder, "uv/uv.toml")
    yield Path("/etc/uv/uv.toml")


def _merge(layers: Iterable[tuple[Path, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return settings in which lists of all layers count, in their order, and of other values the first."""
    merged: dict[str, Any] = {}
    for folder, table in layers:
        for key, value in _absolute(folder, table).items():
            if key not in _COUNT_FOR_BUILDS:
                continue
            if isinstance(merged.get(key), list) and isinstance(value, list):
                merged[key] = [*merged[key], *value]
            else:
                merged.setdefault(key, value)
        if "build-constraint-dependencies" in table:
            merged.setdefault("constraint-dependencies", table["build-constraint-dependencies"])
    return merged


def _workspace_root(project: Path) -> Path:
    """Return the folder of the uv workspace that has a project as a member; the project's own without one."""
    for folder in (project, *project.parents):
        members = uv_members(folder)
        if members is not None and project in {folder, *members}:
            return folder
    return project


def _absolute(folder: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table whose paths are absolute; they are relative to the folder of their file."""
    found = dict(table)
    for key in _PLACES & found.keys():
        value = found[key]
        found[key] = [_place(folder, each) for each in value] if isinstance(value, list) else _place(folder, value)
    if isinstance(found.get("index"), list):
        tables = [index for index in found["index"] if isinstance(index, dict)]
        found["index"] = [
            {**index, "url": _place(folder, index["url"])} if "url" in index else index for index in tables
        ]
    return found


def _absolute_source(folder: Path, name: str, source: Any, root: Path) -> Any:
    if isinstance(source, list):
        return [_absolute_source(folder, name, each, root) for each in source]
    match source:
        case {"workspace": True}:
            members = [member for member in uv_members(root) or () if _name_of(member) == _normalized(name)]
            return {"path": str(members[0])} if members else source
        case {"path": str(path), **more}:
            return {**{key: value for key, value in more.items() if key != "editable"}, "path": str(folder / path)}
    return source


def _place(folder: Path, value: Any) -> Any:
    return value if not isinstance(value, str) or "://" in value else str(folder / Path(value).expanduser())


def _name_of(folder: Path) -> str | None:
    match read_pyproject(folder).get("project"):
        case {"name": str(name)}:
            return _normalized(name)
    return None


def _uv_table(folder: Path) -> Mapping[str, Any]:
    with suppress(ConfigurationError):  # the project's own file is read again, and reported, by others
        match read_pyproject(folder).get("tool"):
            case {"uv": dict(table)}:
                return table
    return {}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}.", path=path) from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}.", path=path) from error


def _name(requirement: str) -> str | None:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - few projects have sources

    try:
        return _normalized(Requirement(requirement).name)
    except InvalidRequirement:
        return None


def _normalized(name: str) -> str:
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - few projects have sources

    return canonicalize_name(name)


def _toml(value: Any) -> str:
    """Return a parsed value as TOML in one line."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{_toml(str(key))} = {_toml(each)}' for key, each in value.items())}}}"
    return str(value)
