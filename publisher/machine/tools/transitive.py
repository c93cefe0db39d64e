"""Packages of an index that a project gets through others of that index."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from typing import Any

from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from publisher.client.url import IndexUrl
from publisher.files.tables import table_at
from publisher.project.dependencies import parse_requirement
from publisher.secret import Credentials

PrivateDependencies = Mapping[str, Collection[str]]
"""For each package of an index, by normalized name, the packages of that index that it requires."""


def project_dependencies(document: Mapping[str, Any]) -> set[str]:
    """Return the normalized names that the ``[project]`` of a ``pyproject.toml`` requires, extras too (PEP 621)."""
    project = table_at(document, "project")
    return _names_in([project.get("dependencies"), *table_at(project, "optional-dependencies").values()])


def standard_dependencies(document: Mapping[str, Any]) -> set[str]:
    """Return the normalized names that a ``pyproject.toml`` requires by the standards, in groups too (PEP 735)."""
    return project_dependencies(document) | _names_in(table_at(document, "dependency-groups").values())


def direct_dependencies(document: Mapping[str, Any]) -> set[str]:
    """Return the normalized names that a ``pyproject.toml`` requires anywhere, in poetry's own tables too."""
    return standard_dependencies(document) | poetry_dependencies(document).keys()


def poetry_dependencies(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dependencies in poetry's own tables, by normalized name."""
    groups = table_at(document, "tool.poetry.group").values()
    tables = [table_at(document, "tool.poetry"), *(group for group in groups if isinstance(group, dict))]
    return {
        str(canonicalize_name(name)): said for each in tables for name, said in table_at(each, "dependencies").items()
    }


def required_names(requirements: Iterable[Any]) -> set[str]:
    """Return the normalized names of dependency specifiers (PEP 508), without invalid ones."""
    names = set()
    for text in requirements:
        try:
            names.add(str(canonicalize_name(parse_requirement(text).name)))
        except (InvalidRequirement, TypeError):
            continue
    return names


def _names_in(lists: Iterable[Any]) -> set[str]:
    return required_names(text for each in lists if isinstance(each, list) for text in each)


def look_up_private_dependencies(
    url: IndexUrl, credentials: Credentials | None, names: Collection[str], listed: Collection[str]
) -> dict[str, set[str]]:
    """
    Return the names that the newest releases of packages need from their index, directly or through others.

    Raises CredentialsError when the index refuses the credentials, IndexUnavailableError when it fails.
    """
    known = {str(canonicalize_name(name)) for name in listed}
    needs: dict[str, set[str]] = {}
    waiting = sorted({str(canonicalize_name(name)) for name in names} & known)
    from publisher.client.client import IndexClient  # noqa: PLC0415 - it takes longer to import than all the rest

    with closing(IndexClient(url, credentials)) as connection:
        while waiting:
            name = waiting.pop()
            needs[name] = required_names(connection.requirements(name)) & known - {name}
            waiting += sorted(needs[name] - needs.keys() - set(waiting))
    return needs


def needed_through_others(direct: Collection[str], needs: PrivateDependencies) -> list[str]:
    """Return the packages that direct dependencies bring along, without these themselves."""
    found: set[str] = set()
    waiting = list(direct)
    while waiting:
        new = set(needs.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return sorted(found - set(direct))
