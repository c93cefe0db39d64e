"""All projects at a glance: the newest release of each, and the projects that depend on it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from heapq import nlargest

from publisher.limits import LIMITS
from publisher.server.routes.web.releases import grouped, shown_first
from publisher.server.routes.web.summaries import ReleaseSummary, SummaryReader
from publisher.server.storage.errors import StorageError
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.projects import Project
from publisher.server.store.watch import in_background
from publisher.server.web.describing import dependency
from publisher.server.web.searching import SearchIndex
from publisher.server.work.inspection import InspectionEndedError
from publisher.server.work.turns import BusyError

_LOOK_SHARE = 20
"""A look for changed projects is not repeated for so many times as long as it took."""


@dataclass(frozen=True, slots=True)
class ProjectOverview:
    """The newest release of a project, as lists show it."""

    name: str
    version: str
    uploaded: str
    summary: ReleaseSummary
    uploader: str | None = None

    @property
    def title(self) -> str:
        """The project's name as its author writes it."""
        return self.summary.name or self.name


@dataclass(frozen=True, slots=True)
class Dependent:
    """A project that depends on another one, and how: its specifier, and the extra that brings it."""

    name: str
    version: str
    specifier: str
    extra: str


class Overviews:
    """Knows every project of the catalog, and follows its changes whenever a page asks; state is the event loop's."""

    def __init__(self, catalog: PackageCatalog, summaries: SummaryReader) -> None:
        self._catalog = catalog
        self._summaries = summaries
        self._seen: dict[str, tuple[Project, int]] = {}
        self._entries: dict[str, ProjectOverview] = {}
        self._dependents: dict[str, dict[str, Dependent]] = {}
        self._next_look = 0.0
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[str, Project] = {}
        self.search = SearchIndex()
        self.generation = 0
        """Grows with every change of the lists."""

    async def refresh(self) -> None:
        """Follow changes for as long as a page waits; the others come later."""
        await self._catalog.refresh()
        if time.monotonic() >= self._next_look:
            self._look()
        if self._waiting and (self._task is None or self._task.done()):
            self._task = in_background(self._follow())
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=LIMITS.pages.patience)

    def waiting(self, shows: Callable[[str], bool]) -> int:
        """Return the number of shown projects whose summaries are still being read."""
        return sum(map(shows, list(self._waiting)))

    def entry(self, name: str) -> ProjectOverview:
        """Return a project's overview, without a summary while that is being read."""
        known = self._entries.get(name)
        return known or ProjectOverview(name, "", "", ReleaseSummary())

    def published_by(self, uploader: str) -> list[str]:
        """Return the names of the projects whose newest release an account has uploaded."""
        return [name for name, entry in self._entries.items() if entry.uploader == uploader]

    def recent(self, shows: Callable[[str], bool]) -> list[ProjectOverview]:
        """Return the projects with the newest releases among those that are shown, the newest first."""
        entries = [entry for entry in list(self._entries.values()) if shows(entry.name)]
        return nlargest(LIMITS.pages.recent, entries, key=lambda entry: (entry.uploaded, entry.name))

    def dependents(self, name: str) -> list[Dependent]:
        """Return the projects whose newest releases depend on a project."""
        found = list(self._dependents.get(name, {}).values())
        return sorted(found, key=lambda each: each.name)

    def stop(self) -> None:
        """End background work."""
        if self._task is not None:
            self._task.cancel()

    def _look(self) -> None:
        """Compare every project with its last look."""
        started = time.monotonic()
        names = self._catalog.names()
        for name in names:
            project = self._catalog.project(name)
            seen = self._seen.get(name)
            if project is not None and (seen is None or seen[0] is not project or seen[1] != project.revision):
                self._waiting[name] = project
                if seen is None:
                    self.search.put(name)
        if len(self._seen) + len(self._waiting) > len(names):
            for name in (self._seen.keys() | self._waiting.keys()) - set(names):
                self._forget(name)
        self._next_look = started + _LOOK_SHARE * (time.monotonic() - started)

    def _forget(self, name: str) -> None:
        self._seen.pop(name, None)
        self._waiting.pop(name, None)
        self.search.remove(name)
        old = self._entries.pop(name, None)
        if old is not None:
            self._unlink(old)
            self.generation += 1

    async def _follow(self) -> None:
        """Read the projects that changed, one after another."""
        await self._summaries.start()
        while self._waiting:
            name, project = next(iter(self._waiting.items()))
            revision = project.revision
            with suppress(StorageError, BusyError, InspectionEndedError):  # it is read at the next change, or start
                entry = await self._read(project)
                self._forget(name) if entry is None else self._take_over(entry)
            self._waiting.pop(name, None)
            self._seen[name] = project, revision
        await self._summaries.flush()
        await self._summaries.prune()

    def _take_over(self, entry: ProjectOverview) -> None:
        old = self._entries.get(entry.name)
        if old == entry:
            return
        if old is not None:
            self._unlink(old)
        self._entries[entry.name] = entry
        self.search.put(entry.name, entry.summary.keywords, entry.summary.text)
        for text in entry.summary.requires:
            needed = dependency(text)
            if needed is not None:
                place = self._dependents.setdefault(needed.normalized, {})
                if entry.name not in place or not needed.extra:  # a requirement without an extra is more important
                    place[entry.name] = Dependent(entry.name, entry.version, needed.specifier, needed.extra)
        self.generation += 1

    def _unlink(self, old: ProjectOverview) -> None:
        for text in old.summary.requires:
            needed = dependency(text)
            if needed is not None and needed.normalized in self._dependents:
                self._dependents[needed.normalized].pop(old.name, None)
                if not self._dependents[needed.normalized]:
                    del self._dependents[needed.normalized]

    async def _read(self, project: Project) -> ProjectOverview | None:
        files = await self._catalog.peek(project)
        release = shown_first(await grouped(self._catalog, files))
        if release is None:
            return None
        summary = await self._summaries.summary(release.main_file)
        uploaded = max(file.metadata.uploaded for file in release.files)
        return ProjectOverview(project.name, release.version, uploaded, summary, release.main_file.metadata.uploader)
