"""Storage of facts about public names: small immutable records beside the packages."""

import asyncio
import re
from collections.abc import Mapping
from typing import Protocol

from publisher.server.storage.base import Files, Storage, put
from publisher.server.storage.errors import AbsentError

_KEY = re.compile(r"[a-z-]+/[A-Za-z0-9._+!-]{1,200}")


class RecordStorage(Protocol):
    """Small records by key (``kind/name``), durable when a change returns, shared by all processes of an index."""

    async def keys(self, *, fresh: bool = False) -> set[str]:
        """Return the keys of all records, ``fresh`` also those of other machines; raises StorageError or OSError."""
        ...

    async def read(self, key: str) -> bytes:
        """Return a record; raises FileNotFoundError."""
        ...

    async def write(self, records: Mapping[str, bytes]) -> None:
        """Write records, each in one step."""

    async def remove(self, keys: set[str]) -> None:
        """Remove records; those that are gone already don't matter."""


class FolderRecords:
    """Records below a prefix of the package storage."""

    def __init__(self, prefix: str, storage: Storage) -> None:
        self._prefix = prefix
        self._storage = storage

    async def keys(self, *, fresh: bool = False) -> set[str]:
        """Return the keys of all records."""
        if fresh:
            await self._storage.refresh()
        async with self._storage.reading() as files:
            return await asyncio.to_thread(self._keys, files)

    async def read(self, key: str) -> bytes:
        """Return a record."""
        async with self._storage.reading() as files:
            try:
                return await asyncio.to_thread(files.read, self._key(key))
            except AbsentError as error:
                raise FileNotFoundError(key) from error

    async def write(self, records: Mapping[str, bytes]) -> None:
        """Write records and commit them."""

        def work(files: Files) -> None:
            for key, data in records.items():
                put(files, self._key(key), data)

        async with self._storage.lease(self._prefix) as lease, self._storage.writing(lease) as files:
            await asyncio.to_thread(work, files)

    async def remove(self, keys: set[str]) -> None:
        """Remove records and commit that."""

        def work(files: Files) -> None:
            for key in keys:
                files.remove(self._key(key))

        async with self._storage.lease(self._prefix) as lease, self._storage.writing(lease) as files:
            await asyncio.to_thread(work, files)

    def _keys(self, files: Files) -> set[str]:
        kinds = files.list(self._prefix)
        found = {f"{kind}/{name}" for kind in kinds for name in files.list(f"{self._prefix}/{kind}")}
        return {key for key in found if _KEY.fullmatch(key) and not key.endswith(".part")}

    def _key(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a record's key: {key!r}")
        return f"{self._prefix}/{key}"


class NoRecords:
    """No records: for filling a cache that belongs to no index yet."""

    async def keys(self, *, fresh: bool = False) -> set[str]:  # noqa: ARG002 - the protocol's signature
        """Return no keys."""
        return set()

    async def read(self, key: str) -> bytes:
        """Raise FileNotFoundError."""
        raise FileNotFoundError(key)

    async def write(self, records: Mapping[str, bytes]) -> None:
        """Keep nothing."""

    async def remove(self, keys: set[str]) -> None:
        """Remove nothing."""
