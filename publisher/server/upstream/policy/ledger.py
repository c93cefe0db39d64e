"""The facts about public names that outlive every cache: passed on, allowed early, claimed, first seen."""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from publisher.project.versions import same_version
from publisher.server.upstream.policy.records import RecordStorage

BATCHES = 64
"""Batches of one kind that are joined into one."""

_log = logging.getLogger(__name__)


class Allowance(NamedTuple):
    """An exception from the cooldown: for a name, or one version of it, until a time in seconds since 1970."""

    name: str
    version: str
    until: float
    reason: str
    by: str
    at: float

    def covers(self, version: str) -> bool:
        """Return whether a version is meant."""
        return not self.version or same_version(self.version, version)


class Claim(NamedTuple):
    """A public name that may be published here: its admin, the time, and the public project that it hides."""

    name: str
    hides: str
    by: str
    at: float


class Ledger:
    """Reads and writes the facts; a change is in memory at once, and minor facts are written in batches."""

    def __init__(self, records: RecordStorage, delay: float, clock: Callable[[], float] = time.time) -> None:
        self._records = records
        self._delay = delay
        self._clock = clock
        self.revision = 0
        """Grows with every change that may change an answer."""
        self.passed_on: set[str] = set()
        self.claims: dict[str, Claim] = {}
        self._allowances: dict[str, Allowance] = {}
        self._first_seen: dict[str, dict[str, float]] = {}
        self._known: set[str] = set()
        self._pending: dict[str, dict[str, Any]] = {"passed-on": {}, "first-seen": {}}
        self._flushing: asyncio.Task[None] | None = None
        self._one = asyncio.Lock()
        self._writing = asyncio.Lock()

    def allowances(self, name: str) -> list[Allowance]:
        """Return the exceptions for a name, also ended ones."""
        return [allowance for allowance in self._allowances.values() if allowance.name == name]

    def all_allowances(self) -> Mapping[str, Allowance]:
        """Return all exceptions by their record's key."""
        return dict(self._allowances)

    def first_seen(self, name: str) -> Mapping[str, float]:
        """Return when each file without an upload time was first seen here, in seconds since 1970."""
        return self._first_seen.get(name, {})

    def note_passed_on(self, name: str) -> None:
        """Note that a page with files was passed on; it is written a few seconds later."""
        if name not in self.passed_on:
            self.passed_on.add(name)
            self._note("passed-on", name, self._clock())

    def note_first_seen(self, name: str, filenames: list[str]) -> None:
        """Note files that have no upload time."""
        known = self._first_seen.setdefault(name, {})
        now = self._clock()
        for filename in filenames:
            if filename not in known:
                known[filename] = now
                self._note("first-seen", f"{name}/{filename}", now)

    async def allow(self, allowance: Allowance) -> None:
        """Add an exception; raises a StorageError when it can't be recorded."""
        key = f"allowed/{allowance.name}-{secrets.token_hex(6)}"
        await self._records.write({key: json.dumps(allowance._asdict()).encode()})
        self._take(key, allowance._asdict())

    async def disallow(self, name: str, version: str) -> int:
        """Remove the exceptions for a name or one version; return how many there were."""
        keys = {
            key
            for key, allowance in self._allowances.items()
            if allowance.name == name and (not version or same_version(allowance.version, version))
        }
        await self._records.remove(keys)
        for key in keys:
            self._drop(key)
        return len(keys)

    async def claim(self, claim: Claim) -> None:
        """Allow that a public name is published here."""
        key = f"claimed/{claim.name}"
        await self._records.write({key: json.dumps(claim._asdict()).encode()})
        self._take(key, claim._asdict())

    async def refresh(self, *, fresh: bool = False) -> None:
        """Read records of other processes, with ``fresh`` also of other machines; raises StorageError."""
        async with self._one:
            keys = await self._records.keys(fresh=fresh)
            for key in sorted(keys - self._known):
                with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
                    self._take(key, json.loads(await self._records.read(key)))
            for key in self._known - keys:
                self._drop(key)
            await self._join(keys)

    async def flush(self) -> None:
        """Write noted facts, after a running write; those that can't be written stay noted."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        pending, self._pending = self._pending, {"passed-on": {}, "first-seen": {}}
        stamp = f"{int(self._clock() * 1000):014d}-{secrets.token_hex(6)}"
        records = {f"{kind}/{stamp}": json.dumps(noted).encode() for kind, noted in pending.items() if noted}
        if not records:
            return
        try:
            await self._records.write(records)
        except Exception as error:  # noqa: BLE001 - whatever a storage raises: it is tried again
            _log.warning("can't record the public names that were passed on: %s", error)
            for kind, noted in pending.items():
                self._pending[kind] = {**noted, **self._pending[kind]}
            self._flush_later()
        else:
            self._known |= set(records)

    async def stop(self) -> None:
        """Write noted facts, at the end."""
        if self._flushing is not None:
            self._flushing.cancel()
        await self.flush()

    def _note(self, kind: str, key: str, value: float) -> None:
        self._pending[kind][key] = value
        self._flush_later()

    def _flush_later(self) -> None:
        async def later() -> None:
            await asyncio.sleep(self._delay)
            self._flushing = None
            await self.flush()

        if self._flushing is None:
            self._flushing = asyncio.create_task(later())

    def _take(self, key: str, found: dict[str, Any]) -> None:
        kind = key.partition("/")[0]
        if kind == "passed-on":
            self.passed_on |= set(found)
        elif kind == "first-seen":
            for path, moment in found.items():
                name, _, filename = path.partition("/")
                seen = self._first_seen.setdefault(name, {})
                seen[filename] = min(moment, seen.get(filename, moment))
        elif kind == "allowed":
            self._allowances[key] = Allowance(**found)
        elif kind == "claimed":
            claim = Claim(**found)
            self.claims[claim.name] = claim
        self._known.add(key)
        self.revision += 1

    def _drop(self, key: str) -> None:
        self._known.discard(key)
        kind, _, name = key.partition("/")
        if kind == "allowed":
            self._allowances.pop(key, None)
        elif kind == "claimed":
            self.claims.pop(name, None)
        self.revision += kind in {"allowed", "claimed"}

    async def _join(self, keys: set[str]) -> None:
        """Replace many batches by one that says the same; another process may do it too, which changes nothing."""
        for kind in ("passed-on", "first-seen"):
            batches = sorted(key for key in keys if key.startswith(f"{kind}/"))
            if len(batches) <= BATCHES:
                continue
            joined: dict[str, Any] = {}
            for key in batches:
                with suppress(FileNotFoundError, ValueError):
                    joined = {**json.loads(await self._records.read(key)), **joined}
            stamp = f"{kind}/{int(self._clock() * 1000):014d}-{secrets.token_hex(6)}"
            await self._records.write({stamp: json.dumps(joined).encode()})
            await self._records.remove(set(batches))
            self._known = (self._known - set(batches)) | {stamp}
