"""Projects of a repository's root that has several."""

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from publisher.errors import ConfigurationError
from publisher.project.config import TABLE, read_project_config
from publisher.project.pyproject import FILENAME, describes_project, is_project, read_pyproject

NOT_FOR_PUBLISHING = "Private :: Do Not Upload"
"""Classifier of projects that must not be published; the public index rejects every classifier with its prefix."""


class _Members(NamedTuple):
    """A root's projects: patterns relative to it, patterns to leave out, and the table with them."""

    patterns: Sequence[str]
    exclude: Sequence[str]
    said_by: str


def find_projects(folders: Iterable[Path]) -> list[Path]:
    """
    Return the project folders of the given folders: a workspace's root yields its projects.

    A root names its projects with ``packages`` in ``[tool.pypi-publish]``. One that is not a project itself may leave
    that to its ``[tool.uv.workspace]`` or to a workspace of hatch. Projects that are not to be published are left out.

    Raises ConfigurationError when a pattern finds no project, or nothing is left.
    """
    return list(dict.fromkeys(project for folder in folders for project in workspace_projects(folder) or [folder]))


def uv_members(folder: Path) -> list[Path] | None:
    """Return the members of the uv workspace whose root a folder is; None if it is not one."""
    try:
        tools = read_pyproject(folder).get("tool")
    except ConfigurationError:
        return None
    match tools:
        case {"uv": {"workspace": {"members": [*members], **rest}}}:
            excluded = set(_matches(folder, _texts(rest.get("exclude"))))
            return [member for member in _matches(folder, _texts(members)) if member not in excluded]
    return None


def workspace_projects(folder: Path) -> list[Path] | None:
    """
    Return the projects to publish of the workspace whose root a folder is; None for a folder that is no such root.

    Raises ConfigurationError as `find_projects` does.
    """
    members = _members_of(folder)
    if members is None:
        return None
    excluded = set(_matches(folder, members.exclude))
    found = [
        project
        for pattern in members.patterns
        for project in _found(folder, pattern, members.said_by)
        if project not in excluded and is_for_publishing(project)
    ]
    if not found:
        raise ConfigurationError(f"{members.said_by} in {folder / FILENAME} contains no project to publish.")
    return found


def _members_of(folder: Path) -> _Members | None:
    """Return the workspace that a folder declares; None for a single project."""
    if packages := read_project_config(folder).packages:
        taken = [pattern for pattern in packages if not pattern.startswith("!")]
        left_out = [pattern.removeprefix("!") for pattern in packages if pattern.startswith("!")]
        return _Members(taken, left_out, f"`packages` of [{TABLE}]")
    tools = read_pyproject(folder).get("tool")
    if describes_project(folder) and not _is_virtual(tools):
        return None
    match tools:
        case {"uv": {"workspace": {"members": [*members], **rest}}}:
            return _Members(_texts(members), _texts(rest.get("exclude")), "[tool.uv.workspace]")
        case {"hatch": {"envs": dict(environments)}} if members := list(_members_of_hatch(environments)):
            return _Members(members, (), "the workspace of [tool.hatch.envs]")
    return None


def _members_of_hatch(environments: Mapping[str, Any]) -> Iterator[str]:
    for environment in environments.values():
        match environment:
            case {"workspace": {"members": [*members]}}:
                yield from (member["path"] if isinstance(member, dict) else member for member in members)


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _found(root: Path, pattern: str, said_by: str) -> list[Path]:
    """Return the projects that a pattern finds, in the order of their paths."""
    found = [folder for folder in _matches(root, [pattern]) if is_project(folder)]
    if not found:
        raise ConfigurationError(
            f"{said_by} in {root / FILENAME}: no folder that {pattern!r} matches has a pyproject.toml.",
            hint="Patterns are relative to the folder of that file, for example `packages/*`.",
        )
    return found


def _matches(root: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the matching paths below a folder, or the folder itself; `Path.glob` takes no ``.`` and no ``..``."""
    names = (name for pattern in patterns for name in sorted(glob.glob(pattern, root_dir=root, recursive=True)))  # noqa: PTH207
    return [root / name for name in names]


def _is_virtual(tools: Any) -> bool:
    """Return whether a folder's ``[tool.uv]`` says that it is not a package, although it has a ``[project]`` table."""
    match tools:
        case {"uv": {"package": False}}:
            return True
    return False


def is_for_publishing(project: Path) -> bool:
    """Return whether neither a project's classifiers nor its ``[tool.uv]`` keep it from being published."""
    match read_pyproject(project):
        case {"project": {"classifiers": [*classifiers]}} if NOT_FOR_PUBLISHING in classifiers:
            return False
        case {"tool": {"uv": {"package": False}}}:
            return False
    return True
