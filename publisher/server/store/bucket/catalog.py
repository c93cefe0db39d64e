"""The catalog of a bucket: records in memory, compared with the store when they are older than two seconds."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TypeVar

from publisher.server.names.filenames import guess
from publisher.server.settings import ServerSettings
from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.errors import AbsentError, StorageError, StorageUnavailableError
from publisher.server.store.bucket.cleaning import Cleaning
from publisher.server.store.bucket.copies import BucketCopies
from publisher.server.store.bucket.listing import ProjectListing
from publisher.server.store.bucket.owned import BucketOwnedNames
from publisher.server.store.bucket.probe import WriteProbe
from publisher.server.store.bucket.records import BucketMaintainers, ProjectRecords, ReadRecord
from publisher.server.store.ledger import Confirmation
from publisher.server.store.owned_names import StateLog
from publisher.server.store.projects import Project, StoredFile
from publisher.server.store.spool import spool_folder
from publisher.server.work.workers import Workers

LOADED_FILES = 200_000
"""Files that projects in memory may have together; the projects that were not asked for the longest go first."""

_Result = TypeVar("_Result")


class BucketProject(Project):
    """A project and the version of the record that it was read from."""

    version: str | None = None


class BucketCatalog:
    """The projects and files of a bucket; state is changed in the event loop only."""

    is_shared = True

    def __init__(self, settings: ServerSettings, storage: BucketStorage, state: StateLog | None = None) -> None:
        self.workers = Workers(16, "bucket")
        self.records = BucketMaintainers()
        self.project_records = ProjectRecords(storage, self.workers)
        self.owned = BucketOwnedNames(
            settings.never_public, storage.identity.identifier, self.project_records, state, self.workers
        )
        self._storage = storage
        self._listing = ProjectListing(self.project_records, self.workers)
        self._projects: OrderedDict[str, BucketProject] = OrderedDict()
        self._loaded = 0
        self._looks: dict[str, Coalesced[None]] = {}
        self._copies = BucketCopies(storage.objects, self.workers)
        self._probe = WriteProbe(storage, self.workers)
        self._cleaning = Cleaning(storage, self.workers)

    async def start(self) -> None:
        """Look at the bucket for the first time."""
        await self._storage.start()
        await self.owned.start()
        self._cleaning.start()

    def close(self) -> None:
        """End the threads."""
        self._cleaning.stop()
        self.workers.close()

    async def in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Run blocking work in a thread."""
        return await self.workers.run(work)

    # from memory

    @property
    def unavailable_reason(self) -> str | None:
        """The reason why the bucket can't be served, None while it can."""
        return self.owned.lost_reason

    @property
    def revision(self) -> int:
        """A number that grows whenever a project comes or goes."""
        return self._listing.revision

    @property
    def file_count(self) -> int:
        """The number of listed files."""
        return self._listing.file_count

    @property
    def spool_folder(self) -> Path:
        """The folder for files that come in."""
        return spool_folder(Path(gettempdir()), shared=True)

    def is_current(self, name: str | None = None) -> bool:
        """Return whether a project, or the list of all, was compared with the store a moment ago."""
        if not self._storage.identity.is_recent() or self.owned.lost_reason is not None:
            return False
        if name is None:
            return self._listing.is_recent()
        project = self._projects.get(name)
        return project is None or not project.is_due()

    def project(self, name: str) -> Project | None:
        """Return a known project by its normalized name."""
        project = self._projects.get(name)
        if project is None or project.files is None:
            return self._listed(name)
        return project if project.places else None

    def names(self) -> list[str]:
        """Return the normalized names of all known projects."""
        return self._listing.names()

    def known_files(self, name: str) -> Mapping[str, StoredFile]:
        """Return the files of a project that are in memory."""
        project = self._projects.get(name)
        return project.files or {} if project is not None else {}

    def has_file(self, filename: str) -> bool:
        """Return whether a file of that name is listed."""
        guessed = guess(filename)
        return guessed is not None and filename in self._listing.filenames(guessed.project)

    def locations(self) -> Iterator[tuple[str, str, str]]:
        """Yield a directory, the file name and the URL path of every listed file; may run in any thread."""
        for name in self._listing.names():
            for filename in self._listing.filenames(name):
                yield str(self.spool_folder), filename, filename

    # with a look at the bucket

    async def refresh(self) -> None:
        """Bring the list of projects up to date."""
        await self.require_identity()
        await self._listing.refresh()

    async def rescan(self) -> None:
        """Bring the list of projects up to date."""
        await self.refresh()

    async def reread(self) -> None:
        """Compare everything with the store at its next use."""
        self._listing.distrust()
        for project in self._projects.values():
            project.verified = float("-inf")
        await self.refresh()

    async def find(self, name: str) -> Project | None:
        """Return a project by its normalized name; one that is not known, or not compared lately, is looked for."""
        await self.require_identity()
        project = self._projects.get(name)
        if project is None or project.files is None or project.is_due():
            project = await self._look(name)
        if project is None or not project.places:
            return None
        self._projects.move_to_end(name)
        return project

    async def find_before_change(self, name: str, since: float | None = None) -> Project | None:  # noqa: ARG002
        """Return a project; its record is asked for, where it was not lately, and again when the change is written."""
        return await self.find(name)

    async def files(self, project: Project) -> Mapping[str, StoredFile]:
        """Return the files of a project with their metadata."""
        if project.files is None:
            found = await self.find(project.name)
            if found is None or found.files is None:
                return {}
            return found.files
        return project.files

    async def peek(self, project: Project) -> Mapping[str, StoredFile]:
        """Return the files of a project, and keep nothing in memory for it."""
        if project.files is not None:
            return project.files
        try:
            found = await self.workers.run(lambda: self.project_records.read(project.name))
        except AbsentError:
            return {}
        return stored_files(found) if found is not None else {}

    @asynccontextmanager
    async def local_copy(self, file: StoredFile) -> AsyncIterator[Path]:
        """Return the path of a copy of a file on this machine."""
        async with self._copies.copy(str(file.path)) as path:
            yield path

    async def is_owned(self, name: str) -> bool:
        """Return whether a name is this index's for good."""
        return await self.owned.is_owned(name)

    async def was_published(self, name: str) -> bool:
        """Return whether a name has, or ever had, files on this index."""
        return await self.owned.was_published(name)

    async def confirm_loss(self) -> Confirmation | None:
        """Accept a loss of packages, if there is one; return None without a list of owned names."""
        return await self.owned.confirm_loss()

    async def require_identity(self) -> None:
        """Return while the bucket is the one that this index had; raise StorageUnavailableError otherwise."""
        if not self._storage.identity.is_recent():
            await self.workers.run(self._storage.identity.require)
        await self.owned.recheck()
        if self.owned.lost_reason is not None:
            raise StorageUnavailableError

    async def read_failure(self) -> str | None:
        """Return why the bucket can't be served, None when it can."""
        try:
            await self.require_identity()
        except StorageError as error:
            return self.owned.lost_reason or error.message
        return None

    async def write_failure(self) -> OSError | None:
        """Return why the bucket can't be written, None when it can."""
        return await self._probe.failure()

    # for changes

    def take_over(self, found: ReadRecord) -> Mapping[str, StoredFile]:
        """Take over a record that this process has written just now, and return its files."""
        self._listing.note(found.record.name, found)
        return self._apply(found.record.name, found, time.monotonic())

    def _listed(self, name: str) -> Project | None:
        """Return a project that is known to have files, and nothing more."""
        filenames = self._listing.filenames(name)
        if not filenames:
            return None
        project = self._projects.get(name)
        if project is None:
            project = self._projects[name] = BucketProject(name)
            project.verified = float("-inf")
        return project

    async def _look(self, name: str) -> BucketProject | None:
        look = self._looks.setdefault(name, Coalesced(partial(self._bring_in, name)))
        try:
            await look()
        finally:
            if look.is_idle:
                self._looks.pop(name, None)
        return self._projects.get(name)

    async def _bring_in(self, name: str) -> None:
        began = time.monotonic()
        project = self._projects.get(name)
        known = project.version if project is not None and project.files is not None else None
        try:
            found = await self.workers.run(lambda: self.project_records.read(name, known))
        except AbsentError:
            self._drop(name)
            self._listing.note(name, None)
            return
        if found is not None:
            self._listing.note(name, found)
            self._apply(name, found, began)
        elif project is not None:
            project.verified = max(project.verified, began)

    def _apply(self, name: str, found: ReadRecord, at: float) -> Mapping[str, StoredFile]:
        files = stored_files(found)
        project = self._projects.get(name)
        if project is None:
            project = self._projects[name] = BucketProject(name)
        if project.version != found.version or project.files is None:
            self._loaded += len(files) - len(project.files or ())
            project.forget()
            project.replace_files(files)
            project.version = found.version
        project.verified = max(project.verified, at)
        self._projects.move_to_end(name)
        while self._loaded > LOADED_FILES and len(self._projects) > 1:
            self._drop(next(iter(self._projects)))
        return files

    def _drop(self, name: str) -> None:
        project = self._projects.pop(name, None)
        if project is not None:
            self._loaded -= len(project.files or ())


def stored_files(found: ReadRecord) -> dict[str, StoredFile]:
    """Return the files that a record lists; their paths are keys in the bucket."""
    record = found.record
    files: dict[str, StoredFile] = {}
    for filename in record.files:
        guessed = guess(filename)
        version = guessed.version if guessed is not None else ""
        path, url_path = Path(record.key(filename)), record.url_path(filename)
        files[filename] = StoredFile(
            filename, path, url_path, version, record.metadata(filename), record.yanked(filename)
        )
    return files
