"""Changes of releases: yanking, deleting and listing releases of an index."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import quote

from packaging.utils import canonicalize_name

from publisher.client.client import IndexClient
from publisher.credentials.chain import Target, find_credentials
from publisher.errors import ConfigurationError


class Changed(NamedTuple):
    """The change that the index made, and its files."""

    status: str
    files: Sequence[str]


def yank(target: Target, project: str, version: str, reason: str) -> Changed:
    """
    Have installers pass over a release unless it is asked for by its exact version (PEP 592).

    Raises ConfigurationError when the index has no such release, CredentialsError, IndexUnavailableError.
    """
    return _change(target, "PUT", [project, version, "yanked"], {"reason": reason})


def unyank(target: Target, project: str, version: str) -> Changed:
    """Undo a yank; raises as `yank` does."""
    return _change(target, "DELETE", [project, version, "yanked"])


def delete(target: Target, project: str, version: str, filename: str | None) -> Changed:
    """Delete a release, or one file of it, for good; the names stay reserved. Raises as `yank` does."""
    return _change(target, "DELETE", [project, version, *([filename] if filename else [])])


def list_projects(target: Target) -> list[str]:
    """Return the names of all projects of an index."""
    with closing(IndexClient(target.url, find_credentials(target))) as index:
        return index.projects()


def list_files(target: Target, project: str) -> list[dict[str, Any]]:
    """
    Return the entries of a project's files as the simple API has them (PEP 691).

    Raises ConfigurationError when the index has no such project.
    """
    with closing(IndexClient(target.url, find_credentials(target))) as index:
        found = index.files(canonicalize_name(project))
    if not found:
        raise ConfigurationError(
            f"{target.url} has no project {project}.", hint="`pypi-publish list` lists the projects."
        )
    return [
        {"filename": file.filename, "url": file.url, "hashes": dict(file.hashes), "yanked": file.yanked}
        for file in found.values()
    ]


def _change(target: Target, method: str, parts: Sequence[str], body: dict[str, str] | None = None) -> Changed:
    path = "projects/" + "/".join(quote(part, safe="") for part in [canonicalize_name(parts[0]), *parts[1:]])
    with closing(IndexClient(target.url, find_credentials(target))) as index:
        found = index.change(method, path, body)
    return Changed(found["status"], found["files"])
