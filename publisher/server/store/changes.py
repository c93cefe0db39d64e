"""Changes to an index: upload, yank, unyank, delete."""

import asyncio
import errno
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from publisher.files.atomic import replace_file, sync_directory
from publisher.project.versions import same_version
from publisher.server.names.filenames import SIGNATURE, guess
from publisher.server.names.identity import identity
from publisher.server.settings import ServerSettings
from publisher.server.storage.durability import write_failure
from publisher.server.storage.errors import NotDurableError, StorageUnavailableError
from publisher.server.storage.sync import VolumeSync
from publisher.server.storage.tempcopy import copied
from publisher.server.store.catalog import Catalog
from publisher.server.store.errors import FileExistsConflictError, UnknownReleaseError
from publisher.server.store.metadata import FileMetadata, now_text, time_text
from publisher.server.store.projects import Project, StoredFile

_log = logging.getLogger(__name__)


class ReleaseChanges:
    """Changes the package folders, one file at a time, and keeps the catalog right."""

    def __init__(self, settings: ServerSettings, catalog: Catalog, sync: VolumeSync) -> None:
        self._settings = settings
        self._catalog = catalog
        self._sync = sync
        self._records = catalog.records
        self._root = catalog.roots[0]
        self._locks: dict[str, asyncio.Lock] = {}

    async def require_available(self) -> None:
        """
        Return when the folder is there, before a file is accepted.

        Raises StorageUnavailableError when it is lost: files written to an empty mount point would hide that, and be
        hidden.
        """
        if self._catalog.unavailable_reason is not None or not self._records.folder.is_dir():
            await self._catalog.rescan()
            if self._catalog.unavailable_reason is not None:
                raise StorageUnavailableError

    async def upload(
        self, temporary: Path, filename: str, metadata: FileMetadata, signature: bytes | None = None
    ) -> StoredFile:
        """
        Add a complete, checked file to the index: durable, committed and listed when this returns.

        The same bytes under a name that is there are success, and change nothing; so they are under another spelling of
        it. A file of a yanked release is yanked too. ``signature`` is stored beside the file.

        Raises FileExistsConflictError when the name is taken by other bytes or was deleted, and StorageError when it
        can't be stored.
        """
        guessed = guess(filename)
        assert guessed is not None, "an upload's name was parsed"  # noqa: S101 - for the type checker
        name = guessed.project
        async with self._lock(f"{name}/{identity(filename)}"):
            existing = await self._existing(name, filename, metadata)
            if existing is not None:
                return existing
            filename = await self._stored_spelling(name, filename)
            reason = await self._yank_reason(name, guessed.version)
            async with self._sync.reading():
                final = self._root / filename

                def place() -> FileMetadata:
                    if reason is not None:
                        self._records.mark(name, filename, "yanked", {"reason": reason, "at": now_text()})
                    stored = self._place(temporary, final, name, metadata)
                    if signature is not None:
                        replace_file(final.with_name(final.name + SIGNATURE), signature, mode=0o644)
                    return stored

                try:
                    stored = await self._catalog.in_thread(place)
                except FileExistsError:
                    stored = None
                except OSError as error:
                    raise write_failure(error) from error
            if stored is None:  # another process was faster
                await self._catalog.rescan()
                existing = await self._existing(name, filename, metadata)
                if existing is not None:
                    return existing
                raise StorageUnavailableError
            await self._commit(lambda: self._take_back(final), "nothing was stored. Send it again.")
            added = self._catalog.add_upload(str(self._root), filename, stored)
            project = self._catalog.project(name)
            if reason is not None and project is not None:
                project.forget()
            return added

    async def _stored_spelling(self, name: str, filename: str) -> str:
        """Return the name under which a file of the same identity is here, which is the one that may be replaced."""
        project = self._catalog.project(name)
        places = project.places if project is not None else {}
        return next((each for each in places if identity(each) == identity(filename)), filename)

    async def _yank_reason(self, name: str, version: str) -> str | None:
        """Return why the release that a file comes to is yanked, None where it is not."""
        project = self._catalog.project(name)
        files = (await self._catalog.files(project)).values() if project is not None else ()
        reasons = [file.yanked for file in files if same_version(file.version, version)]
        return None if not reasons or None in reasons else reasons[0]

    async def yank(self, name: str, version: str, reason: str, user: str | None) -> list[str]:
        """Yank the files of a release (PEP 592) and return their names; raise UnknownReleaseError for none."""
        filenames = await self._release(name, version)

        def work() -> None:
            for filename in filenames:
                self._records.mark(name, filename, "yanked", {"reason": reason, "by": user, "at": now_text()})

        await self._change(name, work)
        return filenames

    async def unyank(self, name: str, version: str) -> list[str]:
        """Undo a yank."""
        filenames = await self._release(name, version)

        def work() -> None:
            for filename in filenames:
                self._records.unmark(name, filename, "yanked")

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
        places = {each: self._catalog.directories_of(name, each) for each in filenames}

        def work() -> None:
            for each, directories in places.items():
                self._records.mark(name, each, "deleted", {"by": user, "at": now_text()})
                for directory in directories:
                    Path(directory, each).unlink(missing_ok=True)
                    Path(directory, each + SIGNATURE).unlink(missing_ok=True)

        await self._change(name, work)
        await self._catalog.rescan()
        return filenames

    async def _change(self, name: str, work: Callable[[], None]) -> None:
        await self.require_available()
        async with self._lock(name):
            async with self._sync.reading():
                try:
                    await self._catalog.in_thread(work)
                except OSError as error:
                    raise write_failure(error) from error
            # states and deletions are not taken back: they are what was wanted, and the next commit carries them
            await self._commit(lambda: None, "it holds here, but may be lost. Look, and ask for it again if it is.")
            project = self._catalog.project(name)
            if project is not None:
                project.forget()

    async def _commit(self, undo: Callable[[], object], outcome: str) -> None:
        """Commit the storage; when that fails, undo what was written and tell the client what holds now."""
        try:
            await self._sync.commit()
        except Exception as error:
            _log.exception("commit failed")
            async with self._sync.reading():
                await self._catalog.in_thread(undo)
            raise NotDurableError(f"The index could not make the change durable; {outcome}") from error

    async def _existing(self, name: str, filename: str, metadata: FileMetadata) -> StoredFile | None:
        """Return the file of that name when it has the same bytes; None when the name is free."""
        project = await self._find_for(name, filename)
        files = await self._catalog.files(project) if project is not None else {}
        wanted = identity(filename)
        file = files.get(filename) or next((file for each, file in files.items() if identity(each) == wanted), None)
        if file is not None:
            if file.metadata.sha256 == metadata.sha256:
                return file
            if self._settings.overwrite:
                return None
            raise FileExistsConflictError(
                f"File already exists: {file.filename} is on this index with other contents "
                f"(sha256 {file.metadata.sha256}). Publish the change under a new version.",
            )
        async with self._sync.reading():
            state = await self._catalog.in_thread(lambda: self._records.state(name))
        if any(identity(each) == wanted for each in state.deleted) and not self._settings.overwrite:
            raise FileExistsConflictError(
                f"File already exists: {filename} was deleted from this index, and its name is not given again. "
                "Publish under a new version.",
            )
        return None

    async def _find_for(self, name: str, filename: str) -> Project | None:
        """Return the project of an incoming file, if there is one, reading the folder only where it has to be."""
        project = self._catalog.project(name)
        if self._sync.shared or (project is not None and filename in project.places):
            return await self._catalog.find(name)
        if not self._catalog.is_unchanged_by_others():
            await self._catalog.rescan()
        return self._catalog.project(name)

    def _place(self, temporary: Path, final: Path, project: str, metadata: FileMetadata) -> FileMetadata:
        """Give a file its name in one step, without ever replacing another, and record it."""
        if self._sync.shared:
            with copied(temporary, self._records.folder) as copy:
                return self._place_here(copy, final, project, metadata)
        return self._place_here(temporary, final, project, metadata)

    def _place_here(self, temporary: Path, final: Path, project: str, metadata: FileMetadata) -> FileMetadata:
        """
        Record a file, then give it its name in one step, without ever replacing another.

        The record goes first, so that readers who see the file find its metadata.
        """
        status = temporary.stat()
        uploaded = time_text(status.st_mtime)
        stored = replace(metadata, size=status.st_size, mtime_ns=status.st_mtime_ns, uploaded=uploaded)
        with suppress(OSError):  # a record only saves time
            self._records.add(project, {final.name: stored})
        with self._catalog.own_change(str(final.parent)):
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
            self._records.unmark(project, final.name, "deleted")
            return
        try:
            os.link(temporary, final)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK}:
                raise
            if final.exists():  # a file system without links: this process's lock and this check must do
                raise FileExistsError(errno.EEXIST, "it came up meanwhile", str(final)) from error
            temporary.replace(final)

    def _take_back(self, final: Path) -> None:
        """Remove a file whose client is told to come again, unless it replaced another: then it is all there is."""
        if not self._settings.overwrite:
            final.unlink(missing_ok=True)

    async def _release(self, name: str, version: str) -> list[str]:
        """Return the names of the files of a release."""
        project = await self._catalog.find(name)
        files = await self._catalog.files(project) if project is not None else {}
        filenames = [file.filename for file in files.values() if same_version(file.version, version)]
        if not filenames:
            raise UnknownReleaseError(f"This index has no {name} {version}.")
        return sorted(filenames)

    def _lock(self, key: str) -> asyncio.Lock:
        if len(self._locks) > 1000:
            self._locks = {name: lock for name, lock in self._locks.items() if lock.locked()}
        return self._locks.setdefault(key, asyncio.Lock())
