"""The details of files for their pages: metadata, README, contents; read once for each digest, and kept."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS
from publisher.server.http.memory import Memory
from publisher.server.routes.web.page_records import POOL_KEY, FileDetails, PageRecords
from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.projects import StoredFile
from publisher.server.web.reading import read_details
from publisher.server.web.readme import as_text
from publisher.server.web.rendering import render_bounded
from publisher.server.work.inspection import Checkpoint, InspectionPool


class _Description(NamedTuple):
    text: str = ""
    content_type: str = ""


class DetailsReader:
    """Reads files in a pool of its own, each at most once at a time, and keeps the results in the package storage."""

    def __init__(self, catalog: PackageCatalog, storage: Storage, pool: InspectionPool) -> None:
        self._catalog = catalog
        self._storage = storage
        self._pool = pool
        self._records = PageRecords(catalog, storage, pool)
        self._remembered: Memory[str, tuple[FileDetails, int]] = Memory(
            LIMITS.pages.details_memory, lambda remembered: remembered[1]
        )
        self._running: dict[str, asyncio.Task[FileDetails]] = {}

    async def details(self, file: StoredFile) -> FileDetails:
        """Return the details of a file; raise BusyError where too many others are being read."""
        digest = file.metadata.sha256
        known = self._remembered.get(digest)
        if known is not None:
            return known[0]
        task = self._running.get(digest)
        if task is None:
            task = self._running[digest] = asyncio.create_task(self._find(file))
            task.add_done_callback(lambda _: self._running.pop(digest, None))
        return await asyncio.shield(task)

    def stop(self) -> None:
        """End background work."""
        self._records.stop()

    async def _find(self, file: StoredFile) -> FileDetails:
        """
        Return the details of a file; the storage is not held while the README is rendered.

        It is read in the turn of its uploader, so that slow files hold up no other account's pages.
        """
        key = POOL_KEY, file.metadata.uploader
        async with self._storage.reading() as files:
            recalled = await self._pool.run(key, lambda _: self._records.recall(files, file))
        if recalled is not None:
            return self._remember(file, *recalled)
        async with self._catalog.local_copy(file) as path:
            try:
                found, description = await self._pool.run(key, lambda check: self._read(path, file, check))
            except OSError as error:
                raise StorageUnavailableError from error
        if description.text:
            found = found._replace(readme=await self._pool.run(key, lambda check: _render(description, check)))
        async with self._storage.reading() as files:
            size = await self._pool.run(key, lambda _: self._records.keep(files, file, found))
        self._records.prune_when_due()
        return self._remember(file, found, size)

    def _read(self, path: Path, file: StoredFile, checkpoint: Checkpoint) -> tuple[FileDetails, _Description]:
        """Return the details of a file without its README, and the description to render."""
        try:
            read = self._pool.helpers.read(read_details, path, file.filename, checkpoint=checkpoint)
        except InvalidDistributionError as error:
            return FileDetails({}, problem=error.message), _Description()
        description = _Description(read.pop("text"), read.pop("content_type"))
        members = tuple((name, size) for name, size in read.pop("members"))
        return FileDetails(members=members, **read), description

    def _remember(self, file: StoredFile, found: FileDetails, size: int) -> FileDetails:
        self._remembered.keep(file.metadata.sha256, (found, size))
        return found


def _render(description: _Description, checkpoint: Checkpoint) -> str:
    text = description.text.strip("\r\n")
    if not text.strip() or text.strip() == "UNKNOWN":  # older setuptools wrote that for none
        return ""
    rendered = render_bounded(text, description.content_type, checkpoint)
    return rendered if rendered is not None else as_text(text)
