"""Files of a storage as objects of a bucket; a log is a folder of batches that are never changed."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from publisher.server.storage.base import Naming, Stat, unnoticed
from publisher.server.storage.bucket.identity import BucketIdentity
from publisher.server.storage.bucket.objects import Objects
from publisher.server.storage.errors import AbsentError, ChangedError, ExistsError

_PARALLEL = 16
"""Batches of a log that are read at a time."""

_Result = TypeVar("_Result")


class BucketFiles:
    """The files of one folder of a bucket; with ``leased``, they may be replaced and removed."""

    def __init__(self, objects: Objects, identity: BucketIdentity, *, leased: bool = True) -> None:
        self._objects = objects
        self._identity = identity
        self._leased = leased
        self._last_batch = 0
        self._writer = uuid.uuid4().hex[:12]

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        """Return the contents of a file, or ``size`` bytes of it from ``start``."""
        if start or size is not None:
            return self._known_absent(lambda: self._objects.read_range(key, start, size))
        found = self._known_absent(lambda: self._objects.read(key))
        assert found is not None, "it was read without a condition"  # noqa: S101 - for the type checker
        return found.data

    def read_versioned(self, key: str, unless: str | None = None) -> tuple[bytes, str] | None:
        """Return the contents of a file and their version; None when it still has the version ``unless``."""
        found = self._known_absent(lambda: self._objects.read(key, unless))
        return (found.data, found.stat.version) if found is not None else None

    def stat(self, key: str) -> Stat:
        """Return size, time and version of a file."""
        return self._known_absent(lambda: self._objects.stat(key))

    def list(self, prefix: str) -> Sequence[str]:
        """Return the names directly below a prefix."""
        began = time.monotonic()
        folders, names = self._objects.names(prefix)
        found = sorted(name for name in {*folders, *names} if not name.startswith("."))
        if not found:
            self._identity.require(began)
        return found

    def walk(self, prefix: str) -> Iterator[tuple[str, Stat]]:
        """Yield the key of every file below a prefix, however deep, with size, time and version."""
        began, empty = time.monotonic(), True
        for found in self._objects.walk(prefix):
            empty = False
            yield found
        if empty:
            self._identity.require(began)

    def create(
        self,
        key: str,
        content: bytes | Path,
        naming: Naming = unnoticed,
        *,
        durable: bool = True,  # noqa: ARG002 - always durable
    ) -> Stat:
        """Create a file that is absent; its time is known afterwards."""
        stat = self._objects.create(key, _bytes(content))
        with naming(stat):
            return stat

    def replace(self, key: str, content: bytes | Path, version: str | None) -> Stat:
        """Replace a file if it still has a version."""
        self._require_lease()
        try:
            if version is None:
                return self._objects.create(key, _bytes(content))
            return self._objects.replace(key, _bytes(content), version)
        except ExistsError:
            raise ChangedError from None

    def remove(self, key: str) -> None:
        """Remove a file."""
        self._require_lease()
        self._objects.remove(key)

    def append(self, log: str, batch: bytes, *, durable: bool = True) -> None:  # noqa: ARG002 - always durable
        """Add a batch to a log, as an object of its own."""
        self._last_batch = max(self._last_batch + 1, time.time_ns())
        self._objects.create(f"{log}~/{self._last_batch:020d}-{self._writer}", batch)

    def lines(self, log: str, seen: dict[str, int] | None = None) -> Sequence[bytes]:
        """Return the complete lines of a log, or only of its batches that were not seen."""
        keys = [key for name in self.list(f"{log}~") if (key := f"{log}~/{name}") not in (seen or {})]
        with ThreadPoolExecutor(_PARALLEL) as threads:
            batches = list(threads.map(self.read, keys))
        if seen is not None:
            seen.update((key, len(batch)) for key, batch in zip(keys, batches, strict=True))
        return [line for batch in batches for line in batch.split(b"\n") if line]

    def compact(self, log: str, keep: Callable[[Sequence[bytes]], Sequence[bytes]]) -> None:
        """Do nothing: a log whose batches can't be merged in one step keeps them."""

    def _require_lease(self) -> None:
        if not self._leased:
            raise RuntimeError("a file is replaced and removed under a lease only: see Storage.writing")

    def _known_absent(self, look: Callable[[], _Result]) -> _Result:
        """Return the result of a look; an absent file is absent only while the index itself is there."""
        began = time.monotonic()
        try:
            return look()
        except AbsentError:
            self._identity.require(began)
            raise


def _bytes(content: bytes | Path) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()
