"""The catalog: the projects and files of an index, and their metadata."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from publisher.server.names.filenames import guess
from publisher.server.settings import ServerSettings
from publisher.server.storage.base import Storage
from publisher.server.storage.durability import try_to_write
from publisher.server.storage.errors import StorageError, StorageUnavailableError
from publisher.server.storage.folder import DOT_FOLDER
from publisher.server.store.contents import FolderContents, file_count
from publisher.server.store.ledger import Confirmation
from publisher.server.store.loading import MetadataLoader, is_as_recorded
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.owned_names import OwnedNames, StateLog
from publisher.server.store.projects import Project, StoredFile, by_identity
from publisher.server.store.recording import BackgroundRecorder
from publisher.server.store.records import Records
from publisher.server.store.snapshot.keeping import SnapshotKeeper
from publisher.server.store.spool import spool_folder
from publisher.server.store.telling.catalogs import SiblingCatalogs
from publisher.server.store.telling.changes import ProjectChange
from publisher.server.store.watch import CHECK_SHARE, FolderWatch, in_background
from publisher.server.work.nearby import NearbyThreads
from publisher.server.work.workers import Workers

WRITE_TRIED_EVERY = 60.0
"""Seconds between two write tests of the folder."""

_Result = TypeVar("_Result")


class Catalog:
    """
    The contents of the package folders.

    All state is changed in the event loop; file reads run in threads and change nothing.
    """

    def __init__(
        self,
        settings: ServerSettings,
        storage: Storage,
        state: StateLog | None = None,
        nearby: NearbyThreads | None = None,
    ) -> None:
        self._settings = settings
        self._storage = storage
        self.roots = tuple(Path(os.path.abspath(root)) for root in settings.roots)  # noqa: PTH100 - keeps links
        self.dot_folder = self.roots[0] / DOT_FOLDER
        self.records = Records()
        self.workers = Workers()
        self.nearby = nearby or NearbyThreads()
        """Threads in which small files are stored."""
        self._next_write = 0.0
        self._write_failure: OSError | None = None
        self._contents = FolderContents(self.roots)
        self._watch = FolderWatch(self.roots, self._contents, storage, self.workers)
        self._watch.after_scan = self._after_scan
        self._loader = MetadataLoader(self._contents, self.records)
        self._hashing = Workers(settings.limits.hashing_threads, "hashing", give_way=True)
        self._snapshots = SnapshotKeeper(self.dot_folder / "catalog", self._contents, self.workers)
        self._recorder = BackgroundRecorder(self._record, self._snapshots.save_soon)
        self.owned = OwnedNames(settings.never_public, storage, state, self.records, self.nearby)
        self._siblings = SiblingCatalogs(storage.news, self._contents, self._watch, self._list_upload)

    async def start(self) -> None:
        """Read the folders for the first time."""
        with suppress(OSError):  # a folder that can only be read is served without records
            await self.workers.run(lambda: self.dot_folder.mkdir(exist_ok=True))
        await self._storage.start()
        if not self._storage.shared:  # its files are read only after a reload
            await self._snapshots.restore()
        await self._watch.rescan()
        await self.owned.start(self._contents.projects)
        with suppress(StorageError):
            async with self._storage.reading() as files:
                await self.workers.run(lambda: self.records.remember(files))

    def close(self) -> None:
        """End the threads."""
        self._recorder.stop()
        self._loader.stop()
        self._hashing.close()
        self.workers.close()
        self.nearby.close()

    async def in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Run blocking work in a thread."""
        return await self.workers.run(work)

    # from memory

    @property
    def unavailable_reason(self) -> str | None:
        """The reason why the folder can't be served, None while it can."""
        return self._watch.unavailable_reason or self.owned.lost_reason

    @property
    def is_shared(self) -> bool:
        """Whether files of the storage must not stay open."""
        return self._storage.shared

    @property
    def spool_folder(self) -> Path:
        """The folder for files that come in."""
        return spool_folder(self.dot_folder, shared=self._storage.shared)

    @property
    def revision(self) -> int:
        """A number that grows whenever a project comes or goes."""
        return self._contents.revision

    @property
    def file_count(self) -> int:
        """The number of listed files."""
        return file_count(self._contents.projects)

    def is_current(self, name: str | None = None) -> bool:  # noqa: ARG002 - a folder is read as a whole
        """Return whether memory and folder agree, as far as that is cheap to know; not while the folder is lost."""
        self._siblings.catch_up()
        return self._watch.is_current() and self.unavailable_reason is None

    def project(self, name: str) -> Project | None:
        """Return a known project by its normalized name."""
        return self._contents.projects.get(name)

    def names(self) -> list[str]:
        """Return the normalized names of all known projects."""
        return list(self._contents.projects)

    def path_of(self, url_path: str) -> str | None:
        """Return the path of the file of a URL path, or None for a file that is not listed."""
        return self._contents.path_of(url_path)

    def has_file(self, filename: str) -> bool:
        """Return whether a file of that name is listed."""
        guessed = guess(filename)
        project = self.project(guessed.project) if guessed else None
        return project is not None and filename in project.places

    def locations(self) -> Iterator[tuple[str, str, str]]:
        """Yield directory, file name and URL path of every listed file; may run in any thread."""
        for project in list(self._contents.projects.values()):
            for filename, directory in list(project.places.items()):
                yield directory, filename, self._contents.url_path(directory, filename)

    # with a look at the folder

    async def refresh(self) -> None:
        """
        Update memory from the folder, for requests about known names.

        Raises StorageUnavailableError while the folder is lost: memory can't answer then, because `/health`
        says so, and because the files that a page names could not be had.
        """
        self._siblings.catch_up()
        await self._watch.refresh()
        await self.owned.recheck(self._contents.projects)
        self._require_readable()

    async def rescan(self) -> None:
        """Read the folders that changed."""
        await self._watch.rescan()

    async def reread(self) -> None:
        """Read all folders again, regardless of their times."""
        self._watch.distrust()
        await self._watch.rescan()

    async def look(self, since: float | None = None) -> None:
        """Make memory and folder agree before a write; raise StorageUnavailableError when that can't be done."""
        self._siblings.catch_up()
        await self._watch.look(since)
        await self.owned.recheck(self._contents.projects)
        if self.owned.lost_reason is not None:
            raise StorageUnavailableError

    async def find(self, name: str) -> Project | None:
        """Return a project by its normalized name; look at the folder before returning None."""
        await self.refresh()
        if self.project(name) is None:
            await self.look()
        return self.project(name)

    async def find_before_change(self, name: str, since: float | None = None) -> Project | None:
        """
        Return a project as it is once the changes of others, where there are any, were brought in.

        Where only processes of this index have changed the folder, it is not read, however large it is.
        """
        if self._storage.shared or not await self.only_we_changed():
            await self.look(since)
        return self.project(name)

    async def find_path(self, url_path: str) -> str | None:
        """Return the path of the file at a URL path; rescan the folder before returning None."""
        await self.refresh()
        if self.path_of(url_path) is None:
            await self.look()
        return self.path_of(url_path)

    async def files(self, project: Project) -> Mapping[str, StoredFile]:
        """Return the files of a project with their metadata; the first time it is read, and recorded, in a thread."""
        while project.files is None:
            if project.loading is None or project.loading.done():
                project.loading = asyncio.create_task(self._load(project))
            await asyncio.shield(project.loading)
        self._require_readable()
        idle = project.loading is None or project.loading.done()
        if project.is_due() and idle:
            project.verified = time.monotonic()
            project.loading = in_background(self._verify(project))
        return project.files

    async def spellings(self, project: Project, filename: str) -> list[str]:
        """Return the names of a project's files that have the identity of a name; many are parsed in a thread."""
        while project.must_be_parsed:
            if project.parsing is None or project.parsing.done():
                project.parsing = asyncio.create_task(self._parse(project))
            await asyncio.shield(project.parsing)
        return project.spellings(filename)

    async def peek(self, project: Project) -> Mapping[str, StoredFile]:
        """Return the files of a project, and keep them only where they had to be read: for looks at many projects."""
        if project.files is None:
            places = dict(project.places)
            async with self._storage.reading() as storage:
                found = await self.workers.run(lambda: self._loader.recall(storage, project.name, places))
            if found is not None:
                return found[0]
        return await self.files(project)

    @asynccontextmanager
    async def local_copy(self, file: StoredFile) -> AsyncIterator[Path]:
        """Return the path of a file, which stays in place meanwhile."""
        async with self._storage.reading():
            yield file.path

    async def is_owned(self, name: str) -> bool:
        """Return whether a name is this index's for good: published at any time, or reserved."""
        return await self.owned.is_owned(name, self._contents)

    async def was_published(self, name: str) -> bool:
        """Return whether a name has, or ever had, files on this index."""
        return await self.owned.was_published(name, self._contents)

    async def confirm_loss(self) -> Confirmation | None:
        """Accept a loss of packages, if there is one; return None without a list of owned names."""
        return await self.owned.confirm_loss(self._contents.projects)

    async def require_identity(self) -> None:
        """
        Return while the package storage is the one that this index had; raise StorageUnavailableError otherwise.

        Its dot-folder is made again from memory when it was removed while the packages stayed.
        """
        if self.unavailable_reason is not None or not self.dot_folder.is_dir():
            await self._watch.rescan()
            if self.unavailable_reason is None and self._contents.projects:
                await self.owned.remake()
                async with self._storage.writing() as files:
                    await self.workers.run(lambda: self.records.remake(files))
        await self.owned.require_identity()
        self._require_readable()

    async def read_failure(self) -> str | None:
        """Return why the package folder can't be served, None when it can; a lost disk is noticed at once."""
        await self._watch.refresh()
        await self.owned.recheck(self._contents.projects)
        if self.unavailable_reason is None and not self.dot_folder.is_dir():
            await self._watch.rescan()
        return self.unavailable_reason

    async def write_failure(self) -> OSError | None:
        """Return why the package folder can't be written; tried once a minute, after a failure each second."""
        now = time.monotonic()
        if now >= self._next_write:
            async with self._storage.reading():
                self._write_failure = await self.workers.run(lambda: try_to_write(self.dot_folder))
            self._next_write = now + (WRITE_TRIED_EVERY if self._write_failure is None else 1.0)
        return self._write_failure

    def _require_readable(self) -> None:
        if self.unavailable_reason is not None:
            raise StorageUnavailableError

    # for changes

    def add_upload(self, directory: str, filename: str, metadata: FileMetadata) -> StoredFile:
        """List an uploaded file at once, also in the other processes of this index."""
        guessed = guess(filename)
        assert guessed is not None, "an upload's name was parsed"  # noqa: S101 - for the type checker
        file = self._list_upload(guessed.project, directory, filename, metadata)
        self._siblings.tell(ProjectChange(guessed.project, (directory, filename), metadata))
        return file

    def _list_upload(self, name: str, directory: str, filename: str, metadata: FileMetadata) -> StoredFile:
        known = self._contents.projects.get(name)
        files, state = (known.files, known.state) if known is not None else (None, None)
        self._contents.add_upload(directory, filename, self._watch.begun_scans)
        file = self._loader.stored(filename, directory, metadata, state.yanked.get(filename) if state else None)
        if files is not None:
            project = self._contents.projects[name]
            project.files, project.state = {**files, filename: file}, state
        return file

    def forget_state(self, name: str, gone: Sequence[tuple[str, str]] = ()) -> None:
        """
        Have a project's files and state read again, also by the other processes of this index.

        ``gone`` are the directories and names of files that were removed.
        """
        project = self.project(name)
        if project is not None:
            project.forget()
        self._siblings.tell(ProjectChange(name, gone=tuple(gone), state=True))

    def withhold(self, directory: str, filename: str) -> None:
        """Don't list a file that is not durable yet."""
        self._contents.withhold(directory, filename)

    def release(self, directory: str, filename: str) -> None:
        """List a file that has become durable."""
        self._contents.release(directory, filename)

    def directories_of(self, name: str, filename: str) -> set[str]:
        """Return every directory that has a file of a project."""
        project = self.project(name)
        listed = {project.places[filename]} if project is not None and filename in project.places else set[str]()
        return listed.union(self._contents.directories_of(filename))

    async def only_we_changed(self) -> bool:
        """Return whether only this process, and others of this index, have changed the folders since they were read."""
        return await self._siblings.only_we_changed()

    def own_change(self, directory: str) -> AbstractContextManager[None]:
        """Note how a directory is left by a change of this process; one thread at a time."""
        return self._watch.own_changes.change(directory, self._contents.listings)

    async def _parse(self, project: Project) -> None:
        names = list(project.places)
        found = await self.workers.run(lambda: by_identity(names))
        if project.must_be_parsed:
            project.take_spellings(names, found)

    async def _load(self, project: Project) -> None:
        revision, places = project.revision, dict(project.places)
        async with self._storage.reading() as storage:
            try:
                found = await self.workers.run(lambda: self._loader.recall(storage, project.name, places))
                if found is None:
                    found = await self._hashing.run(lambda: self._loader.load(storage, project.name, places))
            except OSError as error:
                raise StorageUnavailableError from error
        files, state = found
        if len(files) < len(places):
            await self._watch.rescan()
        self._require_readable()
        if project.revision == revision:
            project.files, project.state, project.verified = files, state, time.monotonic()

    async def _verify(self, project: Project) -> None:
        """Detect files overwritten in place, which directory times don't show; a slow check is repeated less often."""
        files = dict(project.files or {})
        started = time.monotonic()
        async with self._storage.reading() as storage:
            changed = await self.workers.run(lambda: any(not is_as_recorded(file) for file in files.values()))
            state = await self.workers.run(lambda: self.records.state(storage, project.name))
        project.verified = time.monotonic() + CHECK_SHARE * (time.monotonic() - started)
        if changed:
            await self._watch.rescan()  # a file that is not there may mean that the whole disk is not
        if (changed and self.unavailable_reason is None) or state != project.state:
            project.forget()

    def _after_scan(self) -> None:
        names, self._contents.unnoted = self._contents.unnoted, set()
        self.owned.claim_later(names)
        copied, self._contents.unrecorded = self._contents.unrecorded, set()
        if not self._storage.shared:  # where reading for long would keep the storage from being refreshed
            self._recorder.add(copied)

    async def _record(self, name: str) -> None:
        """Record the files of a project that have no record; keep nothing in memory of one that is recorded."""
        project = self.project(name)
        if project is None or project.files is not None:
            return
        places = dict(project.places)
        async with self._storage.reading() as storage:
            is_recorded = await self.workers.run(lambda: self._loader.is_recorded(storage, name, places))
        if not is_recorded:
            await self.files(project)
