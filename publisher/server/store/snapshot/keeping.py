"""Keeping a snapshot of a catalog beside its records, and beginning with it."""

import asyncio
import time
from pathlib import Path

from publisher.server.store.contents import FolderContents
from publisher.server.store.snapshot.encoding import encode_snapshot, read_snapshot, write_snapshot
from publisher.server.work.workers import Workers

EVERY = 600.0
"""Seconds between two snapshots of a catalog that others change."""

LEAST = 10_000
"""Files from which on a snapshot saves more than it costs."""


class SnapshotKeeper:
    """Writes a snapshot in the background once every project has a record."""

    def __init__(self, path: Path, contents: FolderContents, workers: Workers) -> None:
        self._path = path
        self._contents = contents
        self._workers = workers
        self._next = 0.0
        self._saving: asyncio.Task[None] | None = None

    async def restore(self) -> None:
        """Begin with the snapshot, if there is one; a scan has to follow."""
        snapshot = await self._workers.run(lambda: read_snapshot(self._path))
        if snapshot is not None:
            self._contents.restore(snapshot)

    def save_soon(self) -> None:
        """Write a snapshot of a large catalog after a change, once in a while."""
        files = sum(len(listing.files) for listing in self._contents.listings.values())
        if files >= LEAST and time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY
            self._saving = asyncio.create_task(self.save())

    async def save(self) -> None:
        """Write a snapshot, unless something changes meanwhile."""
        listings, projects = self._contents.listings, self._contents.to_save()
        if projects is None:
            return
        data = await self._workers.run(lambda: encode_snapshot(listings, projects))
        unchanged = self._contents.listings == listings and self._contents.to_save() is not None
        if data is not None and unchanged:
            await self._workers.run(lambda: write_snapshot(self._path, data))
