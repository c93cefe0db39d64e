"""Reading and changing the records of projects: their compare-and-swap is the commit point of every change."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from publisher.server.storage.base import Files
from publisher.server.storage.bucket.files import BucketFiles
from publisher.server.storage.bucket.objects import e_tag_of
from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.storage.errors import AbsentError, ChangedError, StorageUnavailableError
from publisher.server.storage.turns import LocalTurns
from publisher.server.store.bucket.record import ProjectRecord, RecordEditor, parse_record
from publisher.server.work.workers import Workers

FOLDER = "projects"

CHANGE_PATIENCE = 30.0
"""Seconds that a change tries to be faster than other writers of the same record."""

Change = Callable[[RecordEditor], bool]
"""Makes the next version of a record; returns False where nothing has to be changed. May be called several times."""


class ReadRecord(NamedTuple):
    """A record as it was read; no version for a project that has none yet."""

    record: ProjectRecord
    version: str | None


class ProjectRecords:
    """The records in a bucket; one writer of this process at a time for each."""

    def __init__(self, storage: BucketStorage, workers: Workers) -> None:
        self._files = storage.files()
        self._workers = workers
        self._turns = LocalTurns()

    def read(self, name: str, unless: str | None = None) -> ReadRecord | None:
        """
        Return a project's record, None where it still has a version; blocks.

        Raises AbsentError for a project that was never published, StorageUnavailableError when that is not known.
        """
        return _read(self._files, name, unless)

    async def find(self, name: str) -> ReadRecord:
        """Return a project's record, an empty one for a project that was never published."""
        return await self._workers.run(lambda: _find(self._files, name))

    def versions(self) -> Iterator[tuple[str, str]]:
        """Yield the names of all projects that were ever published and the ETags of their records; blocks."""
        for key, stat in self._files.walk(FOLDER):
            name = project_of(key)
            if name is not None:
                yield name, e_tag_of(stat.version)

    async def change(self, name: str, change: Change) -> ReadRecord:
        """
        Change a project's record, whatever other writers do meanwhile, and return it as it is then.

        Raises StorageUnavailableError when it can't be read or written; the change may have been made then.
        """
        turn = await self._turns.take(name, CHANGE_PATIENCE)
        try:
            deadline = time.monotonic() + CHANGE_PATIENCE
            while True:
                found = await self._workers.run(lambda: _attempt(self._files, name, change))
                if found is not None:
                    return found
                if time.monotonic() > deadline:
                    raise StorageUnavailableError("Too many others change this project just now. Send it again.")
                await asyncio.sleep(random.uniform(0.005, 0.1))  # noqa: S311 - so that two writers part
        finally:
            turn.release()


class BucketMaintainers:
    """The maintainers in the records; every method blocks."""

    def marked(self, files: Files) -> Sequence[str]:
        """Return the names of all projects."""
        return [name.removesuffix(".json") for name in files.list(FOLDER) if name.endswith(".json")]

    def maintainers(self, files: Files, project: str) -> frozenset[str]:
        """Return the accounts that maintain a project."""
        try:
            found = _read(_bucket(files), project)
        except AbsentError:
            return frozenset()
        return frozenset(found.record.maintainers) if found is not None else frozenset()

    def add_maintainer(self, files: Files, project: str, account: str, details: Mapping[str, Any]) -> None:
        """Add a maintainer of a project."""

        def change(record: RecordEditor) -> bool:
            record.add_maintainer(account, details)
            return True

        while _attempt(_bucket(files), project, change) is None:
            time.sleep(0.05)

    def remove_maintainer(self, files: Files, project: str, account: str) -> None:
        """Remove a maintainer of a project, if it is one."""

        def change(record: RecordEditor) -> bool:
            known = account in record.maintainers
            record.remove_maintainer(account)
            return known

        while _attempt(_bucket(files), project, change) is None:
            time.sleep(0.05)


def record_key(name: str) -> str:
    """Return the key of a project's record."""
    return f"{FOLDER}/{name}.json"


def project_of(key: str) -> str | None:
    """Return the name of the project that a key has the record of, None for another key."""
    name = key.removeprefix(f"{FOLDER}/").removesuffix(".json")
    return name if name and "/" not in name and key == record_key(name) else None


def read_record(files: BucketFiles, name: str) -> ReadRecord:
    """Return a project's record; blocks, and raises as `ProjectRecords.read` does."""
    found = _read(files, name)
    assert found is not None, "it was read without a condition"  # noqa: S101 - for the type checker
    return found


def _read(files: BucketFiles, name: str, unless: str | None = None) -> ReadRecord | None:
    found = files.read_versioned(record_key(name), unless)
    return ReadRecord(parse_record(name, found[0]), found[1]) if found is not None else None


def _find(files: BucketFiles, name: str) -> ReadRecord:
    try:
        return read_record(files, name)
    except AbsentError:
        return ReadRecord(ProjectRecord(name), None)


def _attempt(files: BucketFiles, name: str, change: Change) -> ReadRecord | None:
    """Read a record, change it and write it; return None where another writer was faster."""
    found = _find(files, name)
    edited = found.record.edited()
    if not change(edited):
        return found
    try:
        stat = files.replace(record_key(name), edited.to_bytes(), found.version)
    except ChangedError:
        return None
    return ReadRecord(edited, stat.version)


def _bucket(files: Files) -> BucketFiles:
    assert isinstance(files, BucketFiles), "records of a bucket are in a bucket"  # noqa: S101 - for the type checker
    return files
