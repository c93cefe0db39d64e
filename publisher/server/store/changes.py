"""Changes to an index: upload, yank, unyank, delete."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from packaging.utils import canonicalize_version
from packaging.version import Version

from publisher.files.atomic import sync_directory
from publisher.project.versions import same_version
from publisher.server.names.filenames import SIGNATURE, guess
from publisher.server.names.identity import identity
from publisher.server.settings import ServerSettings
from publisher.server.storage.base import Files, Lease, Stat, Storage, put
from publisher.server.storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    NotDurableError,
    StorageError,
    StorageUnavailableError,
)
from publisher.server.store.catalog import Catalog
from publisher.server.store.errors import FileExistsConflictError, ProjectExistsError, UnknownReleaseError
from publisher.server.store.metadata import FileMetadata, NewProject, now_text, time_text
from publisher.server.store.projects import StoredFile
from publisher.server.store.records import state_lease
from publisher.server.store.spool import SpoolCopy, digest_file


class IncomingFile(NamedTuple):
    """
    A complete file, in memory or on this machine's disk, and the name it is to have.

    ``yanked`` is the reason for which its release is yanked, None where it is not; ``signature`` is stored beside it.
    """

    content: bytes | Path
    filename: str
    project: str
    metadata: FileMetadata
    yanked: str | None = None
    signature: bytes | None = None
    new_project: NewProject | None = None
    """Set if it must be the first file of its project."""


class ReleaseChanges:
    """Changes the package storage, one file identity at a time, and keeps the catalog right."""

    def __init__(self, settings: ServerSettings, catalog: Catalog, storage: Storage) -> None:
        self._settings = settings
        self._catalog = catalog
        self._storage = storage
        self._records = catalog.records
        self._root = catalog.roots[0]

    async def require_available(self) -> None:
        """
        Return when the folder is there, before a file is accepted.

        Raises StorageUnavailableError when it is lost: files written to an empty mount point would hide that, and be
        hidden.
        """
        await self._catalog.require_identity()

    async def begin_upload(self, filename: str, size: int | None) -> None:
        """Do nothing: an upload is written to the disk of the packages in any case."""

    async def upload(  # noqa: PLR0913, PLR0917 - as the interface has it
        self,
        content: bytes | Path,
        filename: str,
        metadata: FileMetadata,
        signature: bytes | None = None,
        new_project: NewProject | None = None,
        parts: SpoolCopy | None = None,  # noqa: ARG002 - there are none
    ) -> StoredFile:
        """
        Add a complete, checked file to the index: durable, committed and listed when this returns.

        The same bytes under the same identity are success, and change nothing. A file of a yanked release is
        yanked too.

        Raises FileExistsConflictError when the identity is taken by other bytes or was deleted, ProjectExistsError when
        it was to be the first of a ``new_project`` and is not, and StorageError when it can't be stored.
        """
        guessed = guess(filename)
        assert guessed is not None, "an upload's name was parsed"  # noqa: S101 - for the type checker
        async with self._storage.lease(file_lease(filename), metadata.sha256) as lease:
            since = time.monotonic()
            existing = await self._existing(guessed.project, filename, metadata, since)
            if existing is None:
                stored_name = self._stored_spelling(guessed.project, filename)
                yanked = await self._yank_reason(*guessed)
                upload = IncomingFile(content, stored_name, guessed.project, metadata, yanked, signature, new_project)
                try:
                    return await self._store(lease, since, upload)
                except ExistsError:  # it was copied into the folder meanwhile
                    since = time.monotonic()
                    await self._catalog.rescan()
                    existing = await self._existing(guessed.project, filename, metadata, since)
            if existing is None:
                raise StorageUnavailableError
            async with self._storage.writing(lease, since):  # includes earlier changes that could not be made durable
                return existing

    def _stored_spelling(self, name: str, filename: str) -> str:
        """Return the name of the stored file with the same identity; only that one may be replaced."""
        project = self._catalog.project(name)
        return next(iter(project.spellings(filename)), filename) if project is not None else filename

    async def _yank_reason(self, name: str, version: str) -> str | None:
        """Return why the release that a file comes to is yanked, None where it is not."""
        project = self._catalog.project(name)
        if project is None:
            return None
        files = (await self._catalog.files(project)).values()
        yanked = {file.version for file in files if file.yanked is not None}  # few, in any project
        same = {each for each in yanked if same_version(each, version)}
        if not same:
            return None
        reasons = [file.yanked for file in files if file.version in same or same_version(file.version, version)]
        return None if None in reasons else reasons[0]

    async def yank(self, name: str, version: str, reason: str, user: str | None) -> list[str]:
        """Yank the files of a release (PEP 592) and return their names; raise UnknownReleaseError for none."""
        filenames = await self._release(name, version)

        def work(files: Files) -> None:
            for filename in filenames:
                details = {"reason": reason, "by": user, "at": now_text()}
                self._records.mark(files, (name, filename), "yanked", details)

        await self._change(name, work)
        return filenames

    async def unyank(self, name: str, version: str) -> list[str]:
        """Undo a yank."""
        filenames = await self._release(name, version)

        def work(files: Files) -> None:
            for filename in filenames:
                self._records.unmark(files, (name, filename), "yanked")

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

        def work(files: Files) -> None:
            for each, directories in places.items():
                self._records.mark(files, (name, each), "deleted", {"by": user, "at": now_text()})
                for directory in directories:
                    self._remove(files, Path(directory, each))
                    self._remove(files, Path(directory, each + SIGNATURE))

        await self._catalog.require_identity()
        async with AsyncExitStack() as leases:
            held = [
                await leases.enter_async_context(self._storage.lease(each))
                for each in sorted({file_lease(filename) for filename in filenames})
            ]
            gone = [(directory, each) for each, directories in places.items() for directory in directories]
            await self._change(name, work, held, gone)
        await self._catalog.rescan()
        return filenames

    async def _change(
        self,
        name: str,
        work: Callable[[Files], None],
        held: Sequence[Lease] = (),
        gone: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Change a project's state under its lease, and under others that are held for files that go away."""
        await self._catalog.require_identity()
        try:
            async with self._storage.lease(state_lease(name)) as lease, self._storage.writing(lease) as files:
                await self._catalog.in_thread(lambda: work(files))
        except NotDurableError as error:
            if error.settled is not None:
                for each in held:
                    each.keep_until(error.settled)
            # states and deletions are not undone: they were intended, and the next commit includes them
            error.message += " It holds here, but may be lost. Look, and ask for it again if it is."
            raise
        finally:
            self._catalog.forget_state(name, gone)

    async def _existing(self, name: str, filename: str, metadata: FileMetadata, since: float) -> StoredFile | None:
        """Return the file of that identity when it has the same bytes; None when the identity is free."""
        project = await self._catalog.find_before_change(name, since)
        stored = await self._catalog.files(project) if project is not None else {}
        spellings = await self._catalog.spellings(project, filename) if project is not None else []
        file = stored.get(filename) or next((stored[each] for each in spellings if each in stored), None)
        if file is not None:
            digest = await self._digest(file)
            if digest == metadata.sha256:
                return file
            if self._settings.overwrite:
                return None
            raise FileExistsConflictError.by_other_contents(file.filename, digest)
        return None

    def _require_free(self, files: Files, upload: IncomingFile) -> None:
        """Raise FileExistsConflictError for the name of a file that was deleted, in any spelling."""
        deleted = self._records.state(files, upload.project).deleted if not self._settings.overwrite else ()
        if any(identity(each) == identity(upload.filename) for each in deleted):
            raise FileExistsConflictError.by_deletion(upload.filename)

    async def _digest(self, file: StoredFile) -> str:
        """Return the digest of a file as it is: two writers are possible, and its record may be of another one."""
        async with self._storage.reading():
            try:
                return await self._catalog.in_thread(lambda: digest_file(file.path, "sha256"))
            except OSError as error:
                raise StorageUnavailableError from error

    async def _store(self, lease: Lease, since: float, upload: IncomingFile) -> StoredFile:
        """Store a file under its lease; raise ExistsError when its name is taken after all."""
        directory = str(self._root)
        may_be_copied = isinstance(upload.content, Path)  # copying would keep the event loop's processor busy
        in_thread = self._catalog.in_thread if may_be_copied else self._catalog.nearby.run
        async with AsyncExitStack() as held:
            states = []
            if upload.new_project is not None:  # first files of a project are stored one after another
                states.append(await held.enter_async_context(self._storage.lease(state_lease(upload.project))))
                since = time.monotonic()
                if await self._catalog.find_before_change(upload.project, since) is not None:
                    raise ProjectExistsError(upload.project)
            await self._catalog.owned.claim({upload.project})  # from here on the project exists for other uploads
            try:
                async with self._storage.writing(lease, since) as files:
                    stored = await in_thread(lambda: self._place(files, upload))
            except NotDurableError as error:
                if error.settled is not None:
                    for each in states:
                        each.keep_until(error.settled)
                    if not self._settings.overwrite:
                        self._catalog.withhold(directory, upload.filename)
                        error.settled.add_done_callback(lambda _: self._catalog.release(directory, upload.filename))
                error.message += " It may or may not be stored. Send it again."
                raise
            added = self._catalog.add_upload(directory, upload.filename, stored)
        if upload.yanked is not None or upload.new_project is not None:
            self._catalog.forget_state(upload.project)
        return added

    def _place(self, files: Files, upload: IncomingFile) -> FileMetadata:
        """
        Give a file its name in one step, and record it; raise FileExistsConflictError for a name that was deleted.

        The record goes first where the storage allows it, so that readers who see the file find its metadata, and
        becomes durable with the file.
        """
        self._require_free(files, upload)
        if upload.yanked is not None:
            details = {"reason": upload.yanked, "at": now_text()}
            self._records.mark(files, (upload.project, upload.filename), "yanked", details, durable=False)
        if upload.new_project is not None:
            self._begin_project(files, upload.project, upload.new_project.maintainer)
        stored = self._replace(files, upload) if self._settings.overwrite else self._create(files, upload)
        if upload.signature is not None:
            with self._catalog.own_change(str(self._root)):
                put(files, upload.filename + SIGNATURE, upload.signature)
        return stored

    def _begin_project(self, files: Files, project: str, maintainer: str | None) -> None:
        """Record the maintainer of a project that has no files, under its lease; raise ProjectExistsError if it had."""
        if self._records.state(files, project).deleted or self._records.maintainers(files, project):
            raise ProjectExistsError(project)
        if maintainer is not None:
            details = {"by": maintainer, "at": now_text()}
            self._records.add_maintainer(files, project, maintainer, details, durable=False)  # with the project's file

    def _create(self, files: Files, upload: IncomingFile) -> FileMetadata:
        stored = upload.metadata

        @contextmanager
        def naming(stat: Stat) -> Iterator[None]:
            nonlocal stored
            stored = self._record(files, upload, stat)
            with self._catalog.own_change(str(self._root)):
                yield

        files.create(upload.filename, upload.content, naming)
        return stored

    def _replace(self, files: Files, upload: IncomingFile) -> FileMetadata:
        while True:
            with suppress(ChangedError), self._catalog.own_change(str(self._root)):
                stat = files.replace(upload.filename, upload.content, _version(files, upload.filename))
                self._records.unmark(files, (upload.project, upload.filename), "deleted")
                return self._record(files, upload, stat, durable=True)

    def _record(self, files: Files, upload: IncomingFile, stat: Stat, *, durable: bool = False) -> FileMetadata:
        """Record an uploaded file, which has the time of its copy in the storage, and return its metadata."""
        uploaded = time_text(stat.modified_ns)
        stored = replace(upload.metadata, size=stat.size, mtime_ns=stat.modified_ns, uploaded=uploaded)
        with suppress(StorageError):  # a record only saves time
            self._records.add(files, upload.project, {upload.filename: stored}, durable=durable)
        return stored

    def _remove(self, files: Files, path: Path) -> None:
        if path.is_relative_to(self._root):
            with self._catalog.own_change(str(path.parent)):
                files.remove(str(path.relative_to(self._root)))
        else:  # another root, which is a folder of this machine
            path.unlink(missing_ok=True)
            sync_directory(path.parent)

    async def _release(self, name: str, version: str) -> list[str]:
        """Return the names of the files of a release."""
        project = await self._catalog.find(name)
        files = await self._catalog.files(project) if project is not None else {}
        filenames = [file.filename for file in files.values() if same_version(file.version, version)]
        if not filenames:
            raise UnknownReleaseError(f"This index has no {name} {version}.")
        return sorted(filenames)


def file_lease(filename: str) -> str:
    """Return the lease of a file's identity, the same text for equal identities in every process."""
    return "file " + " ".join(map(_text, identity(filename)))


def _text(part: object) -> str:
    if isinstance(part, Version):
        return canonicalize_version(part)  # 1.0 and 1.0.0 are equal
    return ".".join(sorted(map(str, part))) if isinstance(part, frozenset) else str(part)


def _version(files: Files, key: str) -> str | None:
    try:
        return files.stat(key).version
    except AbsentError:
        return None
