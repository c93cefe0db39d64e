"""Storages with several writers: processes on one folder, and containers on one volume, whose calls can fail."""

import asyncio
import copy
import uuid
from pathlib import Path
from typing import Any

from publisher.server.storage.base import Storage
from publisher.server.storage.bucket.identity import create_identity, open_identity
from publisher.server.storage.bucket.objects import open_bucket
from publisher.server.storage.bucket.storage import BucketStorage, BucketTimes
from publisher.server.storage.folder import FolderStorage
from publisher.server.storage.volume import VolumeStorage, VolumeTimes
from tests.helpers.object_store import STORE
from tests.modal.volumes import Mount, Volume

TIMES = VolumeTimes(patience=2.0, lease=0.6, longest_commit=0.5, recent=0.2, retry_commit=0.3)


class MemoryDict:
    """The dictionary that all containers share; the entries of a killed one stay."""

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}
        self.reads = 0

    async def get(self, key: str) -> Any:
        await asyncio.sleep(0)
        return copy.deepcopy(self.entries.get(key))

    async def put(self, key: str, value: Any) -> None:
        await asyncio.sleep(0)
        self.entries[key] = copy.deepcopy(value)

    async def create(self, key: str, value: Any) -> bool:
        await asyncio.sleep(0)
        return self.entries.setdefault(key, value) is value

    async def items(self, prefix: str) -> dict[str, Any]:
        await asyncio.sleep(0)
        self.reads += 1
        return {key: value for key, value in self.entries.items() if key.startswith(prefix)}


class Line:
    """One container's way to the dictionary, which can be cut."""

    def __init__(self, entries: MemoryDict) -> None:
        self._entries = entries
        self.cut = False

    def _check(self) -> None:
        if self.cut:
            raise ConnectionError("made up")

    async def get(self, key: str) -> Any:
        self._check()
        return await self._entries.get(key)

    async def put(self, key: str, value: Any) -> None:
        self._check()
        await self._entries.put(key, value)

    async def create(self, key: str, value: Any) -> bool:
        self._check()
        return await self._entries.create(key, value)

    async def items(self, prefix: str) -> dict[str, Any]:
        self._check()
        return await self._entries.items(prefix)


class Folder:
    """Processes on one folder; each `writer` is one process."""

    def __init__(self, place: Path) -> None:
        self._root = place / "packages"
        self._root.mkdir(parents=True)

    def writer(self) -> Storage:
        return FolderStorage(self._root)

    def make_unreadable(self, _storage: Storage, key: str) -> None:
        """Put a folder in the place of a file."""
        (self._root / key).unlink()
        (self._root / key).mkdir()


class Containers:
    """Containers with mounts of one volume."""

    def __init__(self, place: Path, times: VolumeTimes = TIMES) -> None:
        self._place = place
        self._times = times
        self.volume = Volume(place / "committed")
        self.entries = MemoryDict()
        self.mounts: dict[Storage, Mount] = {}
        self.lines: dict[Storage, Line] = {}

    def writer(self) -> Storage:
        mount = self.volume.mount(self._place / f"mount-{len(self.mounts)}")
        line = Line(self.entries)

        async def commit() -> None:
            await asyncio.to_thread(mount.commit)

        async def reload() -> None:
            await asyncio.to_thread(mount.reload)

        storage = VolumeStorage(mount.folder, "packages", commit=commit, reload=reload, entries=line, times=self._times)
        self.mounts[storage] = mount
        self.lines[storage] = line
        return storage

    def make_unreadable(self, storage: Storage, key: str) -> None:
        """Put a folder in the place of a file."""
        (self.mounts[storage].folder / key).unlink()
        (self.mounts[storage].folder / key).mkdir()

    def kill(self, storage: Storage) -> None:
        """Kill a container: it can neither commit nor reach the dictionary."""
        self.lines[storage].cut = True
        self.mounts[storage].trouble.failing_commits = 10**6


class Bucket:
    """Processes on one prefix of a bucket, whose store is a real one."""

    def __init__(self, place: Path) -> None:  # noqa: ARG002 - as the other worlds
        self.url = f"{STORE}/{uuid.uuid4().hex}"
        create_identity(open_bucket(self.url), self.url)

    def writer(self) -> BucketStorage:
        objects = open_bucket(self.url)
        return BucketStorage(objects, open_identity(objects, self.url), times=BucketTimes(lease=0.6, recent=0.2))

    def make_unreadable(self, _storage: Storage, _key: str) -> None:
        """Empty the bucket."""
        objects = open_bucket(self.url)
        for key, _ in list(objects.walk("")):
            objects.remove(key)


World = Folder | Containers | Bucket
