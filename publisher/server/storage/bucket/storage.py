"""A bucket of an object store as a storage: any number of processes anywhere, each change durable when it is made."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256

from publisher.server.siblings.news import NoNews
from publisher.server.storage.base import LEASE_PATIENCE, Files, Lease
from publisher.server.storage.bucket.files import BucketFiles
from publisher.server.storage.bucket.identity import FRESH, BucketIdentity
from publisher.server.storage.bucket.leases import LEASE_SECONDS, BucketLeases
from publisher.server.storage.bucket.objects import Objects
from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.errors import AbsentError, ChangedError, ExistsError, StorageUnavailableError
from publisher.server.storage.json_text import parse_json


@dataclass(frozen=True)
class BucketTimes:
    """Seconds: until a lease is taken over, and between two looks for the sake of known names."""

    lease: float = LEASE_SECONDS
    recent: float = FRESH


class BucketStorage:
    """One process's view of a folder in a bucket; reads come from the store itself."""

    shared = True
    oldest_page = FRESH
    is_rebuilt = False
    reading_paused = False

    def __init__(
        self, objects: Objects, identity: BucketIdentity, folder: str = "", times: BucketTimes = BucketTimes()
    ) -> None:
        self.generation = 0
        self.news = NoNews()
        self.identity = identity
        self.writer = uuid.uuid4().hex[:12]
        self.objects = objects.below(folder) if folder else objects
        self._times = times
        self._leases = BucketLeases(self.objects, times.lease)
        self._refresh = Coalesced(self._bring_in)
        self._versions: dict[str, str | None] = {}
        """The versions that are asked for without waiting, by key."""
        self._known = False

    def known_version(self, key: str) -> str | None:
        """Return the version of a file as of the last `refresh`; one that was never asked for is not known yet."""
        if key not in self._versions or not self._known:
            self._versions.setdefault(key, None)
            self._known = False
            raise StorageUnavailableError
        return self._versions[key]

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Files]:
        """Return the files."""
        await self._require_identity()
        yield self.files(leased=False)

    @asynccontextmanager
    async def writing(
        self,
        lease: Lease | None = None,
        since: float | None = None,  # noqa: ARG002 - what is read is always up to date
    ) -> AsyncIterator[Files]:
        """Return the files for changes; each change is durable when its method returns."""
        await self._require_identity()
        if lease is not None:
            await lease.check()
        yield self.files(leased=lease is not None)

    def is_recent(self) -> bool:
        """Return whether the store was looked at a moment ago."""
        return self._known and time.monotonic() - self._refresh.began < self._times.recent

    async def refresh(self, since: float | None = None) -> None:
        """Look at the versions that are asked for without waiting."""
        await self._refresh(since)

    @asynccontextmanager
    async def lease(self, name: str, value: str = "", patience: float = LEASE_PATIENCE) -> AsyncIterator[Lease]:
        """Hold a lease in the bucket."""
        await self._require_identity()
        async with self._leases.hold(name, value, patience) as lease:
            yield lease

    async def claim_once(self, name: str, value: str, seconds: float) -> str:
        """Claim a name by creating an object, or replacing one whose time is over."""
        key = f"once/{sha256(name.encode()).hexdigest()}"
        data = json.dumps({"value": value, "until": time.time() + seconds}).encode()

        def work() -> str:
            while True:
                with suppress(ExistsError):
                    self.objects.create(key, data)
                    return value
                with suppress(AbsentError, ChangedError):
                    found = self.objects.read(key)
                    assert found is not None, "it was read without a condition"  # noqa: S101
                    held = parse_json(found.data)
                    if held["until"] > time.time():
                        return str(held["value"])
                    self.objects.replace(key, data, found.stat.version)
                    return value

        await self._require_identity()
        return await asyncio.to_thread(work)

    async def start(self) -> None:
        """Look at the store for the first time."""
        await self.refresh()

    async def stop(self) -> None:
        """Do nothing."""

    def files(self, *, leased: bool = True) -> BucketFiles:
        """Return the files without waiting."""
        return BucketFiles(self.objects, self.identity, leased=leased)

    async def _require_identity(self) -> None:
        if not self.identity.is_recent():
            await asyncio.to_thread(self.identity.require)

    async def _bring_in(self) -> None:
        keys = list(self._versions)
        found = await asyncio.to_thread(self._look, keys)
        if any(self._versions[key] != found[key] for key in keys):
            self.generation += 1
        self._versions.update(found)
        self._known = self._versions.keys() == found.keys()

    def _look(self, keys: list[str]) -> dict[str, str | None]:
        self.identity.require()
        files = self.files()
        found: dict[str, str | None] = {}
        for key in keys:
            try:
                found[key] = files.stat(key).version
            except AbsentError:
                found[key] = None
        return found
