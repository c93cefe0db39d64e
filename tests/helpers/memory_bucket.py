"""An index in a bucket in this process's memory, whose requests are written down and fail where a test orders it."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from publisher.server.settings import ServerSettings
from publisher.server.storage.base import Stat
from publisher.server.storage.bucket.identity import create_identity, open_identity
from publisher.server.storage.bucket.objects import Object, Objects, open_bucket
from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.store.bucket.catalog import BucketCatalog
from publisher.server.store.bucket.changes import BucketChanges
from publisher.server.store.metadata import FileMetadata, NewProject, read_metadata
from publisher.server.store.owned_names import StateLog
from publisher.server.store.projects import StoredFile

URL = "memory://index"


@dataclass
class Orders:
    """The requests of one process, as method and key, and the failures that the next ones get."""

    asked: list[str] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)
    """The failures of requests that begin with a text, such as ``read projects/``."""
    before: Callable[[str], None] = lambda _: None
    """Called before each request, as another process that is faster."""

    def note(self, request: str) -> None:
        self.asked.append(request)
        self.before(request)
        for begin, failure in self.failing.items():
            if request.startswith(begin):
                raise failure

    def take(self) -> list[str]:
        """Return the requests since the last call."""
        found = self.asked[:]
        self.asked.clear()
        return found


class WatchedObjects(Objects):
    """Objects in memory, seen by one process."""

    def __init__(self, store: Any, folder: str = "", orders: Orders | None = None) -> None:
        super().__init__(store, folder)
        self.orders = orders or Orders()

    def below(self, folder: str) -> "WatchedObjects":
        return WatchedObjects(self._store, f"{self._folder}{folder}", self.orders)

    def process(self) -> "WatchedObjects":
        """Return the same objects as another process sees them."""
        return WatchedObjects(self._store, self._folder)

    def read(self, key: str, unless: str | None = None) -> Object | None:
        self.orders.note(f"read {self._path(key)}")
        return super().read(key, unless)

    def stat(self, key: str) -> Stat:
        self.orders.note(f"stat {self._path(key)}")
        return super().stat(key)

    def names(self, folder: str) -> tuple[list[str], list[str]]:
        self.orders.note(f"names {self._path(folder)}")
        return super().names(folder)

    def walk(self, folder: str, after: str | None = None) -> Iterator[tuple[str, Stat]]:
        self.orders.note(f"walk {self._path(folder)}")
        return super().walk(folder, after)

    def create(self, key: str, data: bytes) -> Stat:
        self.orders.note(f"create {self._path(key)}")
        return super().create(key, data)

    def replace(self, key: str, data: bytes, version: str) -> Stat:
        self.orders.note(f"replace {self._path(key)}")
        return super().replace(key, data, version)

    def overwrite(self, key: str, data: bytes) -> None:
        self.orders.note(f"overwrite {self._path(key)}")
        super().overwrite(key, data)

    def upload(self, key: str, content: bytes | Path, attributes: Mapping[str, str]) -> None:
        self.orders.note(f"upload {self._path(key)}")
        super().upload(key, content, attributes)

    def download(self, key: str, path: Path) -> None:
        self.orders.note(f"download {self._path(key)}")
        super().download(key, path)

    def remove(self, key: str) -> None:
        self.orders.note(f"remove {self._path(key)}")
        super().remove(key)


class Process:
    """One process of an index."""

    def __init__(self, objects: WatchedObjects, state: StateLog | None = None, **settings: Any) -> None:
        self.objects = objects
        self.orders = objects.orders
        self.settings = ServerSettings((), bucket=URL, **settings)
        self.storage = BucketStorage(objects, open_identity(objects, URL))
        self.catalog = BucketCatalog(self.settings, self.storage, state)
        self.changes = BucketChanges(self.settings, self.catalog, self.storage)

    def another(self, **settings: Any) -> "Process":
        """Return another process of the same index."""
        return Process(self.objects.process(), **settings)

    async def upload(
        self, path: Path, signature: bytes | None = None, new_project: NewProject | None = None
    ) -> StoredFile:
        """Store a file as a client does that has sent it whole."""
        return await self.changes.upload(path, path.name, read_metadata(path, path.name), signature, new_project)

    async def filenames(self, name: str) -> list[str]:
        """Return the names of a project's files as a page shows them."""
        project = await self.catalog.find(name)
        return sorted(await self.catalog.files(project)) if project is not None else []

    def age(self, seconds: float) -> None:
        """Let all that this process knows of the bucket be so much older."""
        self.storage.identity._seen -= seconds
        self.catalog._listing._read.began -= seconds
        for project in self.catalog._projects.values():
            project.verified -= seconds

    def keys(self, folder: str = "") -> list[str]:
        """Return the keys below a folder, not as a request of this process."""
        return [key for key, _ in Objects.walk(self.objects, folder)]


def memory_objects() -> WatchedObjects:
    """Return an empty bucket."""
    return WatchedObjects(open_bucket("memory:///")._store)


def memory_index(state: StateLog | None = None, **settings: Any) -> Process:
    """Return a process of a new, empty index."""
    objects = memory_objects()
    create_identity(objects, URL)
    process = Process(objects, state, **settings)
    process.orders.take()
    return process


def metadata_of(size: int = 1, sha256: str = "00", **more: Any) -> FileMetadata:
    """Return the metadata of a file that is nowhere."""
    return FileMetadata(size, 0, sha256, "2026-01-01T00:00:00.000000Z", **more)


def running(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an asynchronous test."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))  # type: ignore[arg-type]

    return run
