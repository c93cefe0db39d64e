"""The details of files for their pages: metadata, README, contents; read once for each digest, and kept."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS
from publisher.project.archives import list_members
from publisher.project.distributions import read_distribution
from publisher.server.routes.web.page_records import POOL_KEY, FileDetails, PageRecords
from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.projects import StoredFile
from publisher.server.web.describing import kept_fields
from publisher.server.web.readme import as_text
from publisher.server.web.rendering import render_bounded
from publisher.server.work.inspection import Checkpoint, InspectionPool


@dataclass(frozen=True, slots=True)
class _Description:
    text: str = ""
    content_type: str = ""


class _TooSlowError(Exception):
    """Reading a file takes longer than a page may wait."""


class DetailsReader:
    """Reads files in a pool of its own, each at most once at a time, and keeps the results in the package storage."""

    def __init__(self, catalog: PackageCatalog, storage: Storage, pool: InspectionPool) -> None:
        self._catalog = catalog
        self._storage = storage
        self._pool = pool
        self._records = PageRecords(catalog, storage, pool)
        self._remembered: OrderedDict[str, tuple[FileDetails, int]] = OrderedDict()
        self._size = 0
        self._running: dict[str, asyncio.Task[FileDetails]] = {}

    async def details(self, file: StoredFile) -> FileDetails:
        """Return the details of a file; raise BusyError where too many others are being read."""
        digest = file.metadata.sha256
        known = self._remembered.get(digest)
        if known is not None:
            self._remembered.move_to_end(digest)
            return known[0]
        task = self._running.get(digest)
        if task is None:
            task = self._running[digest] = asyncio.create_task(self._find(file))
            task.add_done_callback(lambda _: self._running.pop(digest, None))
        return await asyncio.shield(task)

    def stop(self) -> None:
        """End what runs in the background."""
        self._records.stop()

    async def _find(self, file: StoredFile) -> FileDetails:
        """
        Return the details of a file; the storage is not held while the README is rendered.

        It is read in the turn of its uploader, so that what takes long holds up no other's pages.
        """
        key = POOL_KEY, file.metadata.uploader
        async with self._storage.reading() as files:
            recalled = await self._pool.run(key, lambda _: self._records.recall(files, file))
        if recalled is not None:
            return self._remember(file, *recalled)
        async with self._catalog.local_copy(file) as path:
            try:
                found, description = await self._pool.run(key, lambda check: _read(path, file.filename, check))
            except OSError as error:
                raise StorageUnavailableError from error
        if description.text:
            found = replace(found, readme=await self._pool.run(key, lambda check: _render(description, check)))
        async with self._storage.reading() as files:
            size = await self._pool.run(key, lambda _: self._records.keep(files, file, found))
        self._records.prune_when_due()
        return self._remember(file, found, size)

    def _remember(self, file: StoredFile, found: FileDetails, size: int) -> FileDetails:
        self._remembered[file.metadata.sha256] = found, size
        self._size += size
        while self._size > LIMITS.pages.details_memory and len(self._remembered) > 1:
            _, (_, dropped) = self._remembered.popitem(last=False)
            self._size -= dropped
        return found


def _read(path: Path, filename: str, checkpoint: Checkpoint) -> tuple[FileDetails, _Description]:
    """Return the details of a file without its README, and the description to render."""
    deadline = time.monotonic() + LIMITS.pages.reading

    def check() -> None:
        checkpoint()
        if time.monotonic() > deadline:
            raise _TooSlowError

    try:
        fields = read_distribution(path, filename, check).fields
        members = list_members(path, check)
    except InvalidDistributionError as error:
        return FileDetails({}, problem=error.message), _Description()
    except _TooSlowError:
        return FileDetails({}, problem="Reading it takes too long."), _Description()
    shown = tuple(sorted(members)[: LIMITS.pages.members])
    description = _Description(fields.get("description", ""), fields.get("description_content_type", ""))
    return FileDetails(kept_fields(fields), "", shown, len(members), sum(size for _, size in members)), description


def _render(description: _Description, checkpoint: Checkpoint) -> str:
    text = description.text.strip("\r\n")
    if not text.strip() or text.strip() == "UNKNOWN":  # older setuptools wrote that for none
        return ""
    rendered = render_bounded(text, description.content_type, checkpoint)
    return rendered if rendered is not None else as_text(text)
