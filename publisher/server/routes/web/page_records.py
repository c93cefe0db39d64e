"""Records of files' details in the package storage, one for each digest, and their removal once nothing shows them."""

import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from publisher.server.names.filenames import guess
from publisher.server.storage.base import Files, Lease, Storage
from publisher.server.storage.errors import ExistsError, StorageError
from publisher.server.storage.folder import DOT_FOLDER
from publisher.server.storage.json_text import parse_json
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.projects import StoredFile
from publisher.server.store.watch import in_background
from publisher.server.work.inspection import InspectionPool
from publisher.server.work.turns import BusyError

if TYPE_CHECKING:
    import asyncio

POOL_KEY = "pages"
"""The turn of all pages: however many are asked for, they take a share of the threads that read files."""

FORMAT = 2
"""Version of the records that this module writes, which is in their names; others are removed."""

PRUNED_EVERY = 86400.0
"""Seconds between two looks for records that nothing shows."""

_RECORDS = f"{DOT_FOLDER}/pages"
_FOR_REMOVAL = 1000

_log = logging.getLogger(__name__)


class FileDetails(NamedTuple):
    """
    Metadata, README and contents of a file; ``readme`` is HTML that is safe in a page.

    ``problem`` says why the file could not be read, and is empty where it could.
    """

    fields: Mapping[str, Any]
    readme: str = ""
    members: tuple[tuple[str, int], ...] = ()
    member_count: int = 0
    unpacked: int = 0
    problem: str = ""


class PageRecords:
    """Keeps details; a record only saves time, so that nothing depends on one."""

    def __init__(self, catalog: PackageCatalog, storage: Storage, pool: InspectionPool) -> None:
        self._storage = storage
        self._pool = pool
        self._catalog = catalog
        self._next_prune = 0.0
        self._pruning: asyncio.Task[None] | None = None

    def recall(self, files: Files, file: StoredFile) -> tuple[FileDetails, int] | None:
        """Return the details in a file's record and the bytes of that; None where there is none that can be read."""
        try:
            data = files.read(_key(file))
            record = parse_json(data)
            members = tuple((str(name), int(size)) for name, size in record.pop("members"))
            return FileDetails(members=members, **record), len(data)
        except (StorageError, LookupError, ValueError, TypeError, AttributeError):
            return None

    def keep(self, files: Files, file: StoredFile, found: FileDetails) -> int:
        """Keep a file's details and return the bytes of the record."""
        record = json.dumps(found._asdict(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        try:
            with suppress(ExistsError):
                files.create(_key(file), record)
        except StorageError as error:
            _log.info("can't keep the page of %s: %s", file.filename, error)
        return len(record)

    def prune_when_due(self) -> None:
        """Remove in the background, once a day, the records of files that are gone, and those of other formats."""
        if time.monotonic() >= self._next_prune:
            self._next_prune = time.monotonic() + PRUNED_EVERY
            self._pruning = in_background(self._prune())

    def stop(self) -> None:
        """End background work."""
        if self._pruning is not None:
            self._pruning.cancel()

    async def _prune(self) -> None:
        with suppress(BusyError):  # another day
            await self._remove_unused()

    async def _remove_unused(self) -> None:
        async with self._storage.reading() as files:
            projects = await self._pool.run(POOL_KEY, lambda _: files.list(_RECORDS))
        unused: list[str] = []
        for name in projects:
            unused += await self._unused(name)
            if len(unused) >= _FOR_REMOVAL:
                break  # the rest goes another day
        if unused and self._catalog.unavailable_reason is None:
            async with self._storage.lease("pages") as lease:
                await self._remove(unused, lease)

    async def _unused(self, name: str) -> list[str]:
        """Return the keys of the records below a project's name that no file of it has."""
        project = await self._catalog.find(name)
        shown = (await self._catalog.peek(project)).values() if project is not None else ()
        keys = {_key(file) for file in shown}
        async with self._storage.reading() as files:
            below = await self._pool.run(POOL_KEY, lambda _: files.list(f"{_RECORDS}/{name}"))
        return [key for each in below if (key := f"{_RECORDS}/{name}/{each}") not in keys]

    async def _remove(self, keys: list[str], lease: Lease) -> None:
        async with self._storage.writing(lease) as files:

            def remove() -> None:
                for key in keys:
                    files.remove(key)

            await self._pool.run(POOL_KEY, lambda _: remove())


def _key(file: StoredFile) -> str:
    guessed = guess(file.filename)
    assert guessed is not None, "only files with a project are listed"  # noqa: S101 - for the type checker
    return f"{_RECORDS}/{guessed.project}/{file.metadata.sha256}.{FORMAT}.json"
