"""The list of all projects of a bucket: read again when it is asked for and old, and only where records changed."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from publisher.server.storage.bucket.objects import e_tag_of
from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.errors import AbsentError
from publisher.server.store.bucket.records import ProjectRecords, ReadRecord
from publisher.server.work.workers import Workers

FRESH = 2.0
"""Seconds that a list counts; one that takes long to read counts for as many times longer as `SHARE` says."""

SHARE = 10

_PARALLEL = 16
"""Records that are read at a time."""


@dataclass(frozen=True, slots=True)
class ListedProject:
    """The ETag of a project's record, and its facts for lists."""

    e_tag: str
    filenames: tuple[str, ...]


class ProjectListing:
    """The projects that have files; changed in the event loop only."""

    def __init__(self, records: ProjectRecords, workers: Workers) -> None:
        self._records = records
        self._workers = workers
        self._known: dict[str, ListedProject] = {}
        self._read = Coalesced(self._bring_in)
        self._cost = 0.0
        self.revision = 0
        """Grows whenever a project comes or goes."""

    def is_recent(self) -> bool:
        """Return whether the list may be used."""
        return time.monotonic() - self._read.began < max(FRESH, SHARE * self._cost)

    async def refresh(self) -> None:
        """Bring the list up to date; raise StorageUnavailableError when that can't be done."""
        if not self.is_recent():
            await self._read()

    def distrust(self) -> None:
        """Have the list read at the next use."""
        self._read.began = float("-inf")

    def names(self) -> list[str]:
        """Return the names of all projects that have files."""
        return [name for name, project in self._known.items() if project.filenames]

    def filenames(self, name: str) -> tuple[str, ...]:
        """Return the names of the files of a project."""
        found = self._known.get(name)
        return found.filenames if found is not None else ()

    @property
    def file_count(self) -> int:
        """The number of files."""
        return sum(len(project.filenames) for project in list(self._known.values()))

    def note(self, name: str, found: ReadRecord | None) -> None:
        """Take over a record that was read or written for another reason; None for a project that is gone."""
        self._note(name, _listed(found))

    def _note(self, name: str, found: ListedProject | None) -> None:
        listed = bool(self.filenames(name))
        if found is None:
            self._known.pop(name, None)
        else:
            self._known[name] = found
        if listed != bool(self.filenames(name)):
            self.revision += 1

    async def _bring_in(self) -> None:
        began = time.monotonic()
        known = dict(self._known)
        changed, gone = await self._workers.run(lambda: self._look(known))
        for name, found in changed.items():
            if self._known.get(name) == known.get(name):  # else it was read or written meanwhile
                self._note(name, found)
        for name in gone:
            if self._known.get(name) == known.get(name):
                self._note(name, None)
        self._cost = time.monotonic() - began

    def _look(self, known: dict[str, ListedProject]) -> tuple[dict[str, ListedProject | None], set[str]]:
        """Return the projects whose records differ from the known ones, and the names of removed projects."""
        versions = dict(self._records.versions())
        changed = [name for name, e_tag in versions.items() if name not in known or known[name].e_tag != e_tag]
        with ThreadPoolExecutor(_PARALLEL) as threads:
            read = dict(zip(changed, threads.map(self._record, changed), strict=True))
        return read, known.keys() - versions.keys()

    def _record(self, name: str) -> ListedProject | None:
        """Return what lists show of a record, which is much smaller than the record itself."""
        try:
            return _listed(self._records.read(name))
        except AbsentError:
            return None


def _listed(found: ReadRecord | None) -> ListedProject | None:
    """Return what lists show of a record, None for a project that has none yet."""
    if found is None or found.version is None:
        return None
    return ListedProject(e_tag_of(found.version), tuple(found.record.files))
