"""Where the facts about public names are kept: small immutable records beside the packages."""

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from publisher.files.atomic import replace_file
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.sync import VolumeSync

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
    """Records in a folder of the package storage, committed where that is a volume."""

    def __init__(self, folder: Path, sync: VolumeSync) -> None:
        self._folder = folder
        self._sync = sync

    async def keys(self, *, fresh: bool = False) -> set[str]:
        """Return the keys of all records."""
        if fresh and self._sync.shared and not await self._sync.reload():
            raise StorageUnavailableError
        async with self._sync.reading():
            return await asyncio.to_thread(self._keys)

    async def read(self, key: str) -> bytes:
        """Return a record."""
        async with self._sync.reading():
            return await asyncio.to_thread(self._path(key).read_bytes)

    async def write(self, records: Mapping[str, bytes]) -> None:
        """Write records and commit them."""

        def work() -> None:
            for key, data in records.items():
                replace_file(self._path(key), data, durable=True)

        async with self._sync.reading():
            await asyncio.to_thread(work)
        await self._sync.commit()

    async def remove(self, keys: set[str]) -> None:
        """Remove records and commit that."""

        def work() -> None:
            for key in keys:
                self._path(key).unlink(missing_ok=True)

        async with self._sync.reading():
            await asyncio.to_thread(work)
        await self._sync.commit()

    def _keys(self) -> set[str]:
        try:
            kinds = [entry.name for entry in os.scandir(self._folder) if entry.is_dir()]
        except FileNotFoundError:
            return set()
        found = {f"{kind}/{entry.name}" for kind in kinds for entry in os.scandir(self._folder / kind)}
        return {key for key in found if _KEY.fullmatch(key) and not key.endswith(".part")}

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a record's key: {key!r}")
        return self._folder / key
