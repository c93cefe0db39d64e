"""Changes of the packages in a bucket: bytes first, then the record, which is the commit."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from publisher.errors import InvalidDistributionError
from publisher.project.distributions import read_distribution
from publisher.project.versions import same_version
from publisher.server.names.filenames import METADATA_SUFFIX, SIGNATURE, guess
from publisher.server.names.identity import identity
from publisher.server.settings import ServerSettings
from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.storage.errors import StorageError
from publisher.server.store.bucket.catalog import BucketCatalog
from publisher.server.store.bucket.incoming import ATTRIBUTES, IncomingParts, IncomingUploads, is_large
from publisher.server.store.bucket.record import ProjectRecord, RecordEditor, keys_of, upload_key
from publisher.server.store.errors import FileExistsConflictError, ProjectExistsError, StoreError, UnknownReleaseError
from publisher.server.store.metadata import FileMetadata, NewProject, now_text
from publisher.server.store.projects import StoredFile
from publisher.server.store.spool import SpoolCopy

SENT = 4
"""Large files that are sent at a time after they have arrived."""

_log = logging.getLogger(__name__)


class BucketChanges:
    """Changes the records of projects, and keeps the catalog of this process right."""

    def __init__(self, settings: ServerSettings, catalog: BucketCatalog, storage: BucketStorage) -> None:
        self._overwrite = settings.overwrite
        self._catalog = catalog
        self._records = catalog.project_records
        self._objects = storage.objects
        self._incoming = IncomingUploads(storage.objects, storage.identity.identifier)
        self._sending = asyncio.Semaphore(SENT)

    async def require_available(self) -> None:
        """Return when the bucket is there."""
        await self._catalog.require_identity()

    async def begin_upload(self, filename: str, size: int | None) -> IncomingParts | None:
        """Return where the parts of a large upload go while it comes in; None where it is not stored, or sent later."""
        guessed = guess(filename)
        if guessed is None or not is_large(size):
            return None
        found = await self._records.find(guessed.project)
        try:
            self._taken_name(found.record, filename, "")
        except FileExistsConflictError:
            return None  # its bytes are here already, or will be refused
        return self._incoming.begin(guessed.project, filename)

    async def upload(  # noqa: PLR0913, PLR0917 - as the interface has it
        self,
        content: bytes | Path,
        filename: str,
        metadata: FileMetadata,
        signature: bytes | None = None,
        new_project: NewProject | None = None,
        parts: SpoolCopy | None = None,
    ) -> StoredFile:
        """
        Add a complete, checked file to the index: in the bucket and listed when this returns.

        The same bytes under the same identity are success, and change nothing. A file of a yanked release is
        yanked too. ``parts`` of the content are there already.

        Raises FileExistsConflictError when the identity is taken by other bytes or was deleted, ProjectExistsError when
        it was to be the first of a ``new_project`` and is not, and StorageError when it can't be stored, or when that
        is not known.
        """
        guessed = guess(filename)
        assert guessed is not None, "an upload's name was parsed"  # noqa: S101 - for the type checker
        assert parts is None or isinstance(parts, IncomingParts), "they are ours"  # noqa: S101 - for the type checker
        stored = await self._stored(guessed.project, filename, metadata.sha256)
        if stored is not None:
            return stored
        upload = parts.upload if parts is not None else self._incoming.new()
        keys = list(keys_of(upload_key(guessed.project, upload, filename), _extras(metadata, signature)))
        replaced: list[str] = []

        def change(record: RecordEditor) -> bool:
            replaced.clear()
            if self._taken_name(record, filename, metadata.sha256) is not None:
                return False
            if new_project is not None:
                _begin_project(record, new_project.maintainer)
            replaced.extend(self._list(record, filename, upload, metadata, signature))
            return True

        await self._catalog.in_thread(lambda: self._store_extras(keys[0], content, filename, metadata, signature))
        await self._store(keys[0], content, parts)
        try:
            found = await self._records.change(guessed.project, change)
        except StoreError:
            await self._remove(keys)
            raise
        name = self._taken_name(found.record, filename, metadata.sha256) or filename
        listed = set(found.record.keys())
        await self._remove(key for key in [*keys, *replaced] if key not in listed)
        await self._catalog.owned.claim(guessed.project)
        return self._catalog.take_over(found)[name]

    async def yank(self, name: str, version: str, reason: str, user: str | None) -> list[str]:
        """Yank the files of a release (PEP 592) and return their names; raise UnknownReleaseError for none."""
        mark = {"reason": reason, "by": user, "at": now_text()}

        def change(record: RecordEditor, filename: str) -> None:
            record.yank(filename, mark)

        return await self._change_release(name, version, None, change)

    async def unyank(self, name: str, version: str) -> list[str]:
        """Undo a yank."""

        def change(record: RecordEditor, filename: str) -> None:
            record.unyank(filename)

        return await self._change_release(name, version, None, change)

    async def delete(self, name: str, version: str, filename: str | None, user: str | None) -> list[str]:
        """
        Delete a file or all files of a release, and return the names; they stay reserved.

        Raises UnknownReleaseError when there is no such file or release.
        """
        mark = {"by": user, "at": now_text()}
        keys: list[str] = []

        def change(record: RecordEditor, each: str) -> None:
            keys.extend(keys_of(record.key(each), record.files[each]))
            record.delete(each, mark)

        filenames = await self._change_release(name, version, filename, change)
        await self._remove(keys)
        return filenames

    async def _change_release(self, name: str, version: str, filename: str | None, change: Any) -> list[str]:
        """Change the files of a release in its project's record, and return their names."""
        changed: list[str] = []

        def work(record: RecordEditor) -> bool:
            changed[:] = _release(record, name, version)
            if filename is not None:
                if filename not in changed:
                    raise UnknownReleaseError(f"{name} {version} has no file {filename}.")
                changed[:] = [filename]
            for each in changed:
                change(record, each)
            return True

        await self._catalog.require_identity()
        self._catalog.take_over(await self._records.change(name, work))
        return list(changed)

    async def _stored(self, project: str, filename: str, sha256: str) -> StoredFile | None:
        """Return the file that has the same bytes; refuse one that the record refuses, before it is an object."""
        await self._catalog.require_identity()
        found = await self._records.find(project)
        name = self._taken_name(found.record, filename, sha256)
        if name is None:
            return None
        await self._catalog.owned.claim(project)
        return self._catalog.take_over(found)[name]

    def _taken_name(self, record: ProjectRecord, filename: str, sha256: str) -> str | None:
        """
        Return the name under which the same bytes are here; None where the identity is free, or may be replaced.

        Raises FileExistsConflictError otherwise.
        """
        found = _spelling(record, filename)
        if found is not None:
            digest = record.metadata(found).sha256
            if digest == sha256:
                return found
            if not self._overwrite:
                raise FileExistsConflictError.by_other_contents(found, digest)
        elif not self._overwrite and any(identity(each) == identity(filename) for each in record.deleted):
            raise FileExistsConflictError.by_deletion(filename)
        return None

    def _list(
        self, record: RecordEditor, filename: str, upload: str, metadata: FileMetadata, signature: bytes | None
    ) -> Iterable[str]:
        """List a file in a record, and return the keys of the one that it replaces."""
        replaced = _spelling(record, filename)
        keys = list(keys_of(record.key(replaced), record.files[replaced])) if replaced is not None else []
        reason = _yank_reason(record, filename)
        if replaced is not None:
            record.forget(replaced)
        more = _extras(metadata, signature)
        record.add(filename, upload, replace(metadata, uploaded=now_text()), **more)
        if reason is not None:
            record.yank(filename, {"reason": reason, "at": now_text()})
        return keys

    def _store_extras(
        self, key: str, content: bytes | Path, filename: str, metadata: FileMetadata, signature: bytes | None
    ) -> None:
        """Store the signature and the metadata of an upload beside its bytes."""
        if signature is not None:
            self._objects.create(key + SIGNATURE, signature)
        if metadata.metadata_sha256 is not None:
            with suppress(InvalidDistributionError):
                self._objects.create(key + METADATA_SUFFIX, read_distribution(content, filename).metadata)

    async def _store(self, key: str, content: bytes | Path, parts: IncomingParts | None) -> None:
        """Store the bytes of an upload, which are on no page before the record lists them."""
        if parts is not None and await self._catalog.in_thread(parts.complete):
            return
        async with self._sending if isinstance(content, Path) else nullcontext():
            await self._catalog.in_thread(lambda: self._objects.upload(key, content, ATTRIBUTES))

    async def _remove(self, keys: Iterable[str]) -> None:
        """Remove objects that no record lists; the next cleaning removes the rest."""
        for key in keys:
            try:
                await self._catalog.in_thread(lambda key=key: self._objects.remove(key))  # type: ignore[misc]
            except StorageError as error:
                _log.warning("%s could not be removed yet: %s", key, error)


def _spelling(record: ProjectRecord, filename: str) -> str | None:
    """Return the name of the file that has the identity of a name."""
    if filename in record.files:
        return filename
    wanted = identity(filename)
    return next((each for each in record.files if identity(each) == wanted), None)


def _begin_project(record: RecordEditor, maintainer: str | None) -> None:
    """Record the maintainer of a project that has no files; raise ProjectExistsError if it had."""
    if record.files or record.deleted:
        raise ProjectExistsError(record.name)
    if maintainer is not None:
        record.add_maintainer(maintainer, {"by": maintainer, "at": now_text()})


def _release(record: ProjectRecord, name: str, version: str) -> list[str]:
    found = sorted(each for each in record.files if (parsed := guess(each)) and same_version(parsed.version, version))
    if not found:
        raise UnknownReleaseError(f"This index has no {name} {version}.")
    return found


def _yank_reason(record: ProjectRecord, filename: str) -> str | None:
    """Return why the release that a file comes to is yanked, None where it is not."""
    guessed = guess(filename)
    version = guessed.version if guessed is not None else ""
    others = (each for each in record.files if (parsed := guess(each)) and same_version(parsed.version, version))
    reasons = [record.yanked(each) for each in others]
    return None if not reasons or None in reasons else reasons[0]


def _extras(metadata: FileMetadata, signature: bytes | None) -> dict[str, Any]:
    """Return the metadata of an upload, as its entry names it."""
    found: dict[str, Any] = {"signature": True} if signature is not None else {}
    if metadata.metadata_sha256 is not None:
        found["metadata_sha256"] = metadata.metadata_sha256
    return found
