"""A package of an index that every machine can install, to try installers with."""

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from publisher.client.url import IndexUrl
from publisher.secret import Credentials

_EXAMINED = 20
"""Maximum number of projects that are searched for one with a wheel."""


class Candidate(NamedTuple):
    """A package that the index has: its name, its newest version, and all of them."""

    name: str
    newest: str
    versions: frozenset[str]


def find_candidate(url: IndexUrl, credentials: Credentials) -> tuple[Candidate | None, bool]:
    """
    Return a package whose newest version has a wheel for every platform, if any, and whether the index has no package.

    Raises CredentialsError when the index refuses the credentials, IndexUnavailableError when it fails.
    """
    from publisher.client.client import IndexClient  # noqa: PLC0415 - 70 ms, and most configuration asks no index

    with closing(IndexClient(url, credentials)) as client:
        names = [canonicalize_name(name) for name in client.projects()]
        for name in names[:_EXAMINED]:
            if versions := _installable(file.filename for file in client.files(name).values() if not file.yanked):
                return Candidate(name, str(max(versions)), frozenset(map(str, versions))), False
    return None, not names


def _installable(filenames: Iterator[str]) -> set[Version]:
    """Return the versions of a project, if its newest one has a wheel for every platform, which needs no build."""
    versions: set[Version] = set()
    pure: set[Version] = set()
    for filename in filenames:
        try:
            _, version, _, tags = parse_wheel_filename(filename)
            if any(tag.platform == "any" and tag.interpreter.startswith("py3") for tag in tags):
                pure.add(version)
        except InvalidWheelFilename:
            try:
                _, version = parse_sdist_filename(filename)
            except InvalidSdistFilename:
                continue
        versions.add(version)
    return versions if versions and max(versions) in pure else set()
