"""The projects and files of an index: what is in the folder, what is known of it, and every change to it."""

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

from publisher.project.versions import same_version
from publisher.server.names.filenames import SIGNATURE, guess, is_reserved
from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import NotDurableError, StorageError, StorageUnavailableError
from publisher.server.store import scan as folder
from publisher.server.store.durability import storage_error, sync_directory
from publisher.server.store.errors import FileExistsConflictError, StoreError, UnknownReleaseError
from publisher.server.store.facts import find_facts, now_text, time_text
from publisher.server.store.projects import Project, StoredFile
from publisher.server.store.records import Facts, Marks, Records
from publisher.server.store.refresh import Refresher
from publisher.server.store.staging import copied

CHECK_SHARE = 20
"""Looking whether the folder changed, and reading a large one again, may take one part in this many of the time."""

INLINE_SCAN = 0.004
"""Seconds: a folder that is read faster than this is read at once, a slower one in a thread."""

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Store:
    """
    The one owner of the package folders.

    All state is changed in the event loop; what reads files runs in threads and changes nothing.
    """

    def __init__(self, settings: ServerSettings, refresher: Refresher) -> None:
        self._settings = settings
        self._refresher = refresher
        self.roots = tuple(Path(os.path.abspath(root)) for root in settings.roots)  # noqa: PTH100 - keeps links
        self.records = Records(self.roots[0])
        self.projects: dict[str, Project] = {}
        self.by_url: dict[str, str] = {}
        """The directory of the file of every path below ``/packages/``."""
        self.revision = 0
        """Grows whenever a project comes or goes."""
        self.trouble: str | None = "the package folder was not read yet"
        """Why the folder can't be served, None while it can."""
        self._listings: dict[str, folder.Listing] = {}
        self._own_changes = folder.OwnChanges()
        self._prefixes: dict[str, str] = {}
        self._next_check = 0.0
        self._next_scan = 0.0
        self._scan_cost = 0.0
        self._scanning: asyncio.Task[None] | None = None
        self._begun_scans = 0
        self._newest_scan = 0
        self._put_in_by_us: dict[tuple[str, str], int] = {}
        """The directory and name of each file that no scan has listed yet, with how many scans had begun by then."""
        self.threads = ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 4), "store")
        self._locks: dict[str, asyncio.Lock] = {}
        self._owned: set[str] = set()
        self._to_note: set[str] = set()
        self._noting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the folders for the first time."""
        with suppress(OSError):  # a folder that can only be read is served without records
            await self.in_thread(self.records.prepare)
        await self.rescan()

    def close(self) -> None:
        """End the threads."""
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Run what may block in a thread of the store's."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    # What is there

    def is_fresh(self) -> bool:
        """Tell whether memory and folder agree, as far as that is cheap to know."""
        now = time.monotonic()
        if now < self._next_check or self._refresher.reloading:
            return True
        try:
            found = folder.look(self._listings)
        except OSError as error:
            self._lose(error)
            return True
        cheap = found is folder.Look.CHANGED and self._scan_cost < INLINE_SCAN
        fresh = self.trouble is None if found is folder.Look.SAME else not cheap and now < self._next_scan
        if fresh:
            self._next_check = time.monotonic() + CHECK_SHARE * (time.monotonic() - now)
        return fresh

    async def fresh(self) -> None:
        """
        Make memory and folder agree.

        A folder that takes long to read is read in the background, and what is known stays in use meanwhile.
        """
        if self.is_fresh():
            return
        if self._scan_cost < INLINE_SCAN:
            self._scan_inline()
        elif self._scanning is None or self._scanning.done():
            self._scanning = _in_background(self.rescan())

    async def rescan(self) -> None:
        """Read what changed in the folders."""
        async with self._refresher.looking():
            number = self._begin_scan()
            try:
                scan = await self.in_thread(self._scan)
            except OSError as error:
                self._lose(error)
            else:
                self._apply(number, *scan)

    def _scan_inline(self) -> None:
        number = self._begin_scan()
        try:
            scan = self._scan()
        except OSError as error:
            self._lose(error)
        else:
            self._apply(number, *scan)

    def _begin_scan(self) -> int:
        self._begun_scans += 1
        return self._begun_scans

    def _scan(self) -> tuple[dict[str, folder.Listing], float]:
        """Read the folders; return what lies there, and the seconds that it took."""
        started = time.monotonic()
        return folder.read(self.roots, self._listings), time.monotonic() - started

    def _lose(self, error: OSError) -> None:
        if self.trouble is None:
            _log.error("%s", error)
        self.trouble = str(error.strerror or error)
        self._next_check = time.monotonic() + 0.5

    def _apply(self, number: int, listings: dict[str, folder.Listing], cost: float) -> None:
        """Take over what a scan found, unless one that began later has been taken over: two may run at once."""
        if number < self._newest_scan:
            return
        self._newest_scan = number
        gone = list(self._vanished_uploads(number, listings))
        for directory, came, went in folder.differences(self._listings, listings):
            gone += [(directory, filename) for filename in went]
            for filename in came:
                self._put_in(directory, filename)
        for directory, filename in gone:
            self._take_out(directory, filename)
        self._listings = listings
        for _, filename in gone:  # a file of the same name in another folder takes its place
            for directory in self._directories_of(filename):
                self._put_in(directory, filename)
        self._scan_cost = cost
        self._next_scan = time.monotonic() + CHECK_SHARE * cost
        self.trouble = None
        if self._settings.fallback_url is not None and self._to_note and (self._noting is None or self._noting.done()):
            self._noting = _in_background(self._note_projects())

    def _vanished_uploads(self, number: int, listings: folder.Listings) -> Iterator[tuple[str, str]]:
        """Yield the directory and name of what came up here and was taken away before any scan has listed it."""
        for (directory, filename), begun in list(self._put_in_by_us.items()):
            if number > begun:  # else the scan may have looked before the file was there
                del self._put_in_by_us[directory, filename]
                if directory not in listings or filename not in listings[directory].files:
                    yield directory, filename

    def _directories_of(self, filename: str) -> list[str]:
        """Return every directory that has a file of a name."""
        return [directory for directory, listing in self._listings.items() if filename in listing.files]

    async def _note_projects(self) -> None:
        """Note the names that have files, whether anybody asks for them or not: they are this index's for good."""
        names, self._to_note = self._to_note, set()

        def note() -> None:
            for name in names:
                if not self.records.knows(name):
                    self.records.note_project(name)

        async with self._refresher.looking():
            try:
                await self.in_thread(note)
            except OSError:  # the next scan tries again; a folder that can only be read remembers while this runs
                self._to_note |= names

    def _put_in(self, directory: str, filename: str) -> None:
        guessed = guess(filename.removesuffix(SIGNATURE))
        if guessed is None:
            return
        self.by_url.setdefault(self.url_path(directory, filename), directory)
        if filename.endswith(SIGNATURE):
            return
        project = self.projects.get(guessed.project)
        if project is None:
            project = self.projects[guessed.project] = Project(guessed.project)
            self.revision += 1
            self._to_note.add(project.name)
        if project.places.setdefault(filename, directory) == directory:
            project.forget()

    def _take_out(self, directory: str, filename: str) -> None:
        guessed = guess(filename.removesuffix(SIGNATURE))
        if guessed is None:
            return
        self.by_url.pop(self.url_path(directory, filename), None)
        project = self.projects.get(guessed.project)
        if project is None or project.places.get(filename) != directory:
            return
        del project.places[filename]
        project.forget()
        self._owned.add(project.name)
        if not project.places:
            del self.projects[project.name]
            self.revision += 1

    def url_path(self, directory: str, filename: str) -> str:
        """Return the path of a file below ``/packages/``, as pypiserver has it: that below its root."""
        prefix = self._prefixes.get(directory)
        if prefix is None:
            prefix = self._prefixes[directory] = self._url_prefix(directory)
        return prefix + filename

    def _url_prefix(self, directory: str) -> str:
        for root in map(str, self.roots):
            if directory == root:
                return ""
            if directory.startswith(root + os.sep):
                return directory[len(root) + 1 :].replace(os.sep, "/") + "/"
        raise AssertionError("a scan reads below the roots only")

    # What is known of it

    async def find(self, name: str) -> Project | None:
        """Return a project by its normalised name, looking again, and once more elsewhere, before there is none."""
        await self.fresh()
        project = self.projects.get(name)
        if project is None:
            await self.rescan()
            project = self.projects.get(name)
        if project is None and await self._refresher.on_miss():
            await self.rescan()
            project = self.projects.get(name)
        return project

    def path_of(self, url_path: str) -> str | None:
        """Return where the file of a URL path lies, or None for a file that is not listed."""
        directory = self.by_url.get(url_path)
        return f"{directory}/{url_path.rpartition('/')[2]}" if directory is not None else None

    async def files(self, project: Project) -> Mapping[str, StoredFile]:
        """Return what is known of a project's files; the first time they are read, and recorded, in a thread."""
        while project.files is None:
            if project.loading is None or project.loading.done():
                project.loading = asyncio.create_task(self._load(project))
            await asyncio.shield(project.loading)
        if project.is_due() and self.trouble is None and (project.loading is None or project.loading.done()):
            project.verified = time.monotonic()
            project.loading = _in_background(self._verify(project))
        return project.files

    async def _load(self, project: Project) -> None:
        revision, places = project.revision, dict(project.places)
        async with self._refresher.looking():
            try:
                files, marks = await self.in_thread(lambda: self._gather(project.name, places))
            except OSError as error:
                self._lose(error)
                raise StorageUnavailableError from error
        if len(files) < len(places):
            await self.rescan()
        if self.trouble is not None:
            raise StorageUnavailableError
        if project.revision == revision:
            project.files, project.marks, project.verified = files, marks, time.monotonic()

    async def _verify(self, project: Project) -> None:
        """Look whether files were overwritten in place, which no directory's time tells; the slower the rarer."""
        files = dict(project.files or {})
        started = time.monotonic()
        async with self._refresher.looking():
            changed = await self.in_thread(lambda: any(not _is_as_recorded(file) for file in files.values()))
            marks = await self.in_thread(lambda: self.records.marks(project.name))
        project.verified = time.monotonic() + CHECK_SHARE * (time.monotonic() - started)
        if changed:
            await self.rescan()  # a file that is not there may mean that the whole disk is not
        if (changed and self.trouble is None) or marks != project.marks:
            project.forget()

    def _gather(self, name: str, places: Mapping[str, str]) -> tuple[dict[str, StoredFile], Marks]:
        """Return the files of a project with their facts; what no record tells is found out and recorded."""
        recorded = self.records.load(name)
        marks = self.records.marks(name)
        files: dict[str, StoredFile] = {}
        learned: dict[str, Facts] = {}
        for filename, directory in places.items():
            path = Path(directory, filename)
            facts = recorded.get(filename)
            try:
                status = path.stat()
                if facts is None or (facts.size, facts.mtime_ns) != (status.st_size, status.st_mtime_ns):
                    if not S_ISREG(status.st_mode):
                        continue  # opening a pipe would wait for ever
                    facts = learned[filename] = find_facts(path, filename)
            except (FileNotFoundError, PermissionError):
                continue
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                continue
            files[filename] = self._stored(filename, directory, facts, marks.yanked.get(filename))
        if learned:
            with suppress(OSError):  # a record only saves time
                self.records.add(name, learned)
        return files, marks

    def _stored(self, filename: str, directory: str, facts: Facts, yanked: str | None) -> StoredFile:
        guessed = guess(filename)
        version = guessed.version if guessed else ""
        return StoredFile(
            filename, Path(directory, filename), self.url_path(directory, filename), version, facts, yanked
        )

    async def owns(self, name: str) -> bool:
        """Tell whether a name is this index's for good: published at any time, or reserved."""
        if name in self.projects or name in self._owned or self.trouble is not None:
            return True
        if any(is_reserved(name, pattern) for pattern in self._settings.reserved):
            return True
        async with self._refresher.looking():
            return await self.in_thread(lambda: self.records.knows(name))

    # Changing it

    async def expect(self) -> None:
        """
        Look whether the folder is there, before a file is taken in.

        Raises StorageUnavailableError when it is lost: files written to an empty mount point would hide that, and be
        hidden.
        """
        if self.trouble is not None or not self.records.folder.is_dir():
            await self.rescan()
            if self.trouble is not None:
                raise StorageUnavailableError

    async def add(self, temporary: Path, filename: str, facts: Facts) -> StoredFile:
        """
        Take a complete, checked file into the index: durable, committed and listed when this returns.

        The same bytes under a name that is there are success, and change nothing.

        Raises FileExistsConflictError when the name is taken by other bytes or was deleted, and StorageError when it
        can't be stored.
        """
        guessed = guess(filename)
        assert guessed is not None, "an upload's name was parsed"  # noqa: S101 - for the type checker
        async with self._lock(filename):
            existing = await self._existing(guessed.project, filename, facts)
            if existing is not None:
                return existing
            async with self._refresher.looking():
                directory = self.roots[0]
                try:
                    stored = await self.in_thread(
                        lambda: self._place(temporary, directory / filename, guessed.project, facts)
                    )
                except FileExistsError:
                    stored = None
                except OSError as error:
                    raise storage_error(error) from error
            if stored is None:  # another process was faster
                await self.rescan()
                existing = await self._existing(guessed.project, filename, facts)
                if existing is not None:
                    return existing
                raise StorageUnavailableError
            await self._commit(lambda: self._take_back(directory / filename), "nothing was stored. Send it again.")
            project = self.projects.get(guessed.project)
            known = dict(project.files) if project is not None and project.files is not None else None
            self._put_in(str(directory), filename)
            self._put_in_by_us[str(directory), filename] = self._begun_scans
            project = self.projects[guessed.project]
            file = self._stored(filename, str(directory), stored, None)
            if known is not None:
                project.files = {**known, filename: file}
                project.marks = await self.in_thread(lambda: self.records.marks(guessed.project))
            return file

    async def yank(self, name: str, version: str, reason: str, user: str | None) -> list[str]:
        """Mark the files of a release as yanked (PEP 592) and return their names; UnknownReleaseError for none."""
        filenames = await self._release(name, version)

        def work() -> None:
            for filename in filenames:
                self.records.mark(name, filename, "yanked", {"reason": reason, "by": user, "at": now_text()})

        await self._change(name, work)
        return filenames

    async def unyank(self, name: str, version: str) -> list[str]:
        """Take the mark away again."""
        filenames = await self._release(name, version)

        def work() -> None:
            for filename in filenames:
                self.records.unmark(name, filename, "yanked")

        await self._change(name, work)
        return filenames

    async def delete(self, name: str, version: str, filename: str | None, user: str | None) -> list[str]:
        """
        Delete a file or all files of a release, and return the names; they stay reserved.

        Raises UnknownReleaseError when there is no such file or release.
        """
        filenames = await self._release(name, version)
        if filename is not None:
            if filename not in filenames:
                raise UnknownReleaseError(f"{name} {version} has no file {filename}.")
            filenames = [filename]
        places = {each: {self.projects[name].places[each], *self._directories_of(each)} for each in filenames}

        def work() -> None:
            for each, directories in places.items():
                self.records.mark(name, each, "deleted", {"by": user, "at": now_text()})
                for directory in directories:
                    Path(directory, each).unlink(missing_ok=True)
                    Path(directory, each + SIGNATURE).unlink(missing_ok=True)

        await self._change(name, work)
        await self.rescan()
        return filenames

    async def _change(self, name: str, work: Callable[[], None]) -> None:
        async with self._lock(name):
            async with self._refresher.looking():
                try:
                    await self.in_thread(work)
                except OSError as error:
                    raise storage_error(error) from error
            # marks and deletions are not taken back: they are what was wanted, and the next commit carries them
            await self._commit(lambda: None, "it holds here, but may be lost. Look, and ask for it again if it is.")
            if name in self.projects:
                self.projects[name].forget()

    async def _commit(self, undo: Callable[[], object], outcome: str) -> None:
        """Commit the storage; when that fails, undo what was written and tell the client what holds now."""
        try:
            await self._refresher.commit()
        except Exception as error:
            _log.exception("commit failed")
            async with self._refresher.looking():
                await self.in_thread(undo)
            raise NotDurableError(f"The index could not make the change durable; {outcome}") from error

    async def _existing(self, name: str, filename: str, facts: Facts) -> StoredFile | None:
        """Return the file of that name when it has the same bytes; None when the name is free."""
        project = await self._find_for(name, filename)
        files = await self.files(project) if project is not None else {}
        file = files.get(filename)
        if file is not None:
            if file.facts.sha256 == facts.sha256:
                return file
            if self._settings.overwrite:
                return None
            raise FileExistsConflictError(
                f"File already exists: {filename} is on this index with other contents (sha256 {file.facts.sha256}). "
                "Publish the change under a new version.",
            )
        async with self._refresher.looking():
            marks = await self.in_thread(lambda: self.records.marks(name))
        if filename in marks.deleted and not self._settings.overwrite:
            raise FileExistsConflictError(
                f"File already exists: {filename} was deleted from this index, and its name is not given again. "
                "Publish under a new version.",
            )
        return None

    async def _find_for(self, name: str, filename: str) -> Project | None:
        """Return the project of a file that comes in, if there is one, reading the folder only where it has to be."""
        project = self.projects.get(name)
        if self._refresher.shared or (project is not None and filename in project.places):
            return await self.find(name)
        if not self._own_changes.are_all_since(self._listings):
            await self.rescan()
        return self.projects.get(name)

    def _place(self, temporary: Path, final: Path, project: str, facts: Facts) -> Facts:
        """Give a file its name in one step, without ever replacing another, and record it."""
        if self._refresher.shared:
            with copied(temporary, self.records.folder) as copy:
                return self._place_here(copy, final, project, facts)
        return self._place_here(temporary, final, project, facts)

    def _place_here(self, temporary: Path, final: Path, project: str, facts: Facts) -> Facts:
        """
        Record a file, then give it its name in one step, without ever replacing another.

        The record goes first, so that whoever sees the file finds what is known of it.
        """
        status = temporary.stat()
        stored = replace(facts, size=status.st_size, mtime_ns=status.st_mtime_ns, uploaded=time_text(status.st_mtime))
        with suppress(OSError):  # a record only saves time
            self.records.add(project, {final.name: stored})
        with self._own_changes.change(str(final.parent), self._listings):
            self._give_name(temporary, final, project)
        try:
            sync_directory(final.parent)
        except OSError:
            self._take_back(final)
            raise
        return stored

    def _give_name(self, temporary: Path, final: Path, project: str) -> None:
        if self._settings.overwrite:
            temporary.replace(final)
            self.records.unmark(project, final.name, "deleted")
            return
        try:
            os.link(temporary, final)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK}:
                raise
            if final.exists():  # a file system without links: this process's lock and this look must do
                raise FileExistsError(errno.EEXIST, "it came up meanwhile", str(final)) from error
            temporary.replace(final)

    def _take_back(self, final: Path) -> None:
        """Take away a file whose client is told to come again, unless it replaced another: then it is all there is."""
        if not self._settings.overwrite:
            final.unlink(missing_ok=True)

    async def _release(self, name: str, version: str) -> list[str]:
        """Return the names of the files of a release."""
        project = await self.find(name)
        files = await self.files(project) if project is not None else {}
        filenames = [file.filename for file in files.values() if same_version(file.version, version)]
        if not filenames:
            raise UnknownReleaseError(f"This index has no {name} {version}.")
        return sorted(filenames)

    def _lock(self, key: str) -> asyncio.Lock:
        if len(self._locks) > 1000:
            self._locks = {name: lock for name, lock in self._locks.items() if lock.locked()}
        return self._locks.setdefault(key, asyncio.Lock())


def _in_background(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Start work that nobody waits for; that the folder is busy for long is no failure of it, it is tried again."""

    async def quietly() -> None:
        with suppress(StoreError, StorageError):
            await work

    return asyncio.create_task(quietly())


def _is_as_recorded(file: StoredFile) -> bool:
    try:
        status = os.stat(file.path)  # noqa: PTH116 - for every file of a project
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (file.facts.size, file.facts.mtime_ns)
