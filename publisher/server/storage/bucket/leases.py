"""Leases in a bucket: one object each, changed by compare-and-swap, and judged by the waiter's own clock alone."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from publisher.server.storage.bucket.objects import Objects
from publisher.server.storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    LeaseLostError,
    StorageError,
    StorageUnavailableError,
)
from publisher.server.storage.json_text import parse_json
from publisher.server.storage.turns import LocalTurns

LEASE_SECONDS = 30.0
"""Seconds after which a lease that its holder does not renew is taken over."""

_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class LeaseEntry(NamedTuple):
    """A lease as it is written: its number, its holder, its purpose; the beat grows as the holder lives."""

    number: int
    holder: str
    value: str
    beat: int = 0
    free: bool = False

    def to_bytes(self) -> bytes:
        """Return the entry as an object's contents."""
        return json.dumps({"v": 1, **self._asdict()}).encode()


@dataclass
class BucketLease:
    """A lease that is held; its object is changed by one thread at a time."""

    objects: Objects
    key: str
    entry: LeaseEntry
    version: str
    number: int
    renewing: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Raise LeaseLostError once another one has taken the lease, unless for the same value."""
        found = await asyncio.to_thread(_read, self.objects, self.key)
        if found is None:
            raise LeaseLostError("The lease is gone; nothing was stored. Send it again.")
        entry, _ = found
        same_value = self.entry.value and entry.value == self.entry.value
        if entry.holder != self.entry.holder and not same_value:
            raise LeaseLostError("Another writer was faster; nothing was stored. Send it again.")

    def keep_until(self, settled: asyncio.Task[None]) -> None:
        """Do nothing: a change of a bucket is durable or fails."""

    async def change(self, entry: LeaseEntry) -> None:
        """Write the entry, as long as it is the holder's."""
        stat = await asyncio.to_thread(self.objects.replace, self.key, entry.to_bytes(), self.version)
        self.entry, self.version = entry, stat.version


class BucketLeases:
    """Makes leases."""

    def __init__(self, objects: Objects, seconds: float = LEASE_SECONDS) -> None:
        self._objects = objects
        self._seconds = seconds
        self._turns = LocalTurns()

    @asynccontextmanager
    async def hold(self, name: str, value: str, patience: float) -> AsyncIterator[BucketLease]:
        """Hold a lease; raise StorageUnavailableError when that takes longer than ``patience`` seconds."""
        deadline = time.monotonic() + patience
        turn = await self._turns.take(name, patience)
        try:
            lease = await self._take(f"leases/{sha256(name.encode()).hexdigest()[:32]}", value, deadline)
            lease.renewing = asyncio.create_task(self._renew(lease))
            try:
                yield lease
            finally:
                await asyncio.shield(self._give_back(lease))
        finally:
            turn.release()

    async def _take(self, key: str, value: str, deadline: float) -> BucketLease:
        """Take a lease that is free, or was not renewed for long."""
        seen, seen_at, pause = "", time.monotonic(), _PAUSE
        while True:
            found = await asyncio.to_thread(_read, self._objects, key)
            version = found[1] if found is not None else None
            if version != seen:
                seen, seen_at = version or "", time.monotonic()
            entry = found[0] if found is not None else LeaseEntry(0, "", "", free=True)
            expired = time.monotonic() - seen_at > self._seconds
            if entry.free or expired or (value and entry.value == value):
                mine = LeaseEntry(entry.number + 1, uuid.uuid4().hex, value)
                with suppress(ChangedError, ExistsError):
                    return BucketLease(self._objects, key, mine, await self._write(key, mine, version), mine.number)
            if time.monotonic() > deadline:
                raise StorageUnavailableError
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE, self._seconds / 3)

    async def _write(self, key: str, entry: LeaseEntry, version: str | None) -> str:
        def work() -> str:
            if version is None:
                return self._objects.create(key, entry.to_bytes()).version
            return self._objects.replace(key, entry.to_bytes(), version).version

        return await asyncio.to_thread(work)

    async def _renew(self, lease: BucketLease) -> None:
        while True:
            await asyncio.sleep(self._seconds / 3)
            with suppress(StorageError, ChangedError):  # the next beat may succeed; `check` notices a lost lease
                await lease.change(lease.entry._replace(beat=lease.entry.beat + 1))

    async def _give_back(self, lease: BucketLease) -> None:
        if lease.renewing is not None:
            lease.renewing.cancel()
            with suppress(asyncio.CancelledError):
                await lease.renewing
        with suppress(StorageError):  # it ends on its own then
            while True:
                with suppress(ChangedError):
                    return await lease.change(lease.entry._replace(free=True))
                found = await asyncio.to_thread(_read, self._objects, lease.key)
                if found is None or found[0].holder != lease.entry.holder:
                    return None
                lease.entry, lease.version = found  # by a beat that was on its way


def _read(objects: Objects, key: str) -> tuple[LeaseEntry, str] | None:
    """Return a lease's entry and its version, None for one that was never held."""
    try:
        found = objects.read(key)
    except AbsentError:
        return None
    assert found is not None, "it was read without a condition"  # noqa: S101 - for the type checker
    try:
        record = parse_json(found.data)
        entry = LeaseEntry(**{name: record[name] for name in ("number", "holder", "value", "beat", "free")})
    except (ValueError, TypeError, KeyError) as error:
        raise StorageUnavailableError("A lease in the bucket can't be understood.") from error
    return entry, found.stat.version
