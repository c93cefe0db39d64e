"""The releases of a project as pages show them: files together, states, and the one that is shown first."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from publisher.project.versions import parse_version
from publisher.server.names.versions import newest_first
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.projects import Project, StoredFile

_MANY = 100
"""Files from which sorting them takes so long that a thread does it."""

_KEPT = 100
"""Projects whose releases are kept."""


class ReleaseView(NamedTuple):
    """A release with its files, wheels last; ``yanked`` is the reason, maybe empty, None where it is not yanked."""

    version: str
    files: tuple[StoredFile, ...]
    yanked: str | None
    is_prerelease: bool

    @property
    def uploaded(self) -> str:
        """The time of the first upload."""
        return min(file.metadata.uploaded for file in self.files)

    @property
    def main_file(self) -> StoredFile:
        """The file whose metadata stands for the release: a wheel, which needs no unpacking, if there is one."""
        return min(self.files, key=lambda file: (not file.filename.endswith(".whl"), file.filename))


class ReleaseViews:
    """Groups the files of projects, once for each change."""

    def __init__(self, catalog: PackageCatalog) -> None:
        self._catalog = catalog
        self._kept: OrderedDict[str, tuple[Mapping[str, StoredFile], list[ReleaseView]]] = OrderedDict()

    async def of(self, project: Project) -> list[ReleaseView]:
        """Return the releases of a project, the newest first."""
        files = await self._catalog.files(project)
        kept = self._kept.pop(project.name, None)
        if kept is None or kept[0] is not files:
            kept = files, await grouped(self._catalog, files)
        self._kept[project.name] = kept
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept[1]


async def grouped(catalog: PackageCatalog, files: Mapping[str, StoredFile]) -> list[ReleaseView]:
    """Return the releases that files make up, the newest first; many files are grouped in a thread."""
    listed = list(files.values())
    return await catalog.in_thread(lambda: releases_of(listed)) if len(listed) > _MANY else releases_of(listed)


def releases_of(files: Iterable[StoredFile]) -> list[ReleaseView]:
    """Return the releases of a project, the newest first; files with equal versions (1.0 and 1.0.0) are one."""
    grouped: dict[object, list[StoredFile]] = {}
    for file in files:
        grouped.setdefault(parse_version(file.version) or file.version, []).append(file)
    by_text = {group[0].version: group for group in grouped.values()}
    ordered = [*newest_first(by_text), *([""] if "" in by_text else [])]
    return [_release(version, by_text[version]) for version in ordered]


def shown_first(releases: Iterable[ReleaseView]) -> ReleaseView | None:
    """Return the release that installers take: the newest that is neither yanked nor a pre-release, if there is one."""
    listed = list(releases)
    live = [release for release in listed if release.yanked is None]
    final = [release for release in live if not release.is_prerelease]
    return next(iter(final or live or listed), None)


def _release(version: str, files: list[StoredFile]) -> ReleaseView:
    ordered = tuple(sorted(files, key=lambda file: (file.filename.endswith(".whl"), file.filename)))
    reasons = [file.yanked for file in ordered]
    yanked = None if None in reasons else next((reason for reason in reasons if reason), "")
    parsed = parse_version(version)
    return ReleaseView(version, ordered, yanked, parsed is not None and parsed.is_prerelease)
