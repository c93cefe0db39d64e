"""Owned names: a name that was ever published here is never looked for elsewhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from publisher.server.names.filenames import is_reserved
from publisher.server.storage.sync import VolumeSync
from publisher.server.store.records import Records
from publisher.server.store.watch import FolderWatch, in_background
from publisher.server.store.workers import Workers

if TYPE_CHECKING:
    import asyncio


class OwnedNames:
    """The names that have or had files here, in the records of the package folder, and the reserved patterns."""

    def __init__(
        self, reserved: Sequence[str], watch: FolderWatch, records: Records, sync: VolumeSync, workers: Workers
    ) -> None:
        self._reserved = reserved
        self._contents = watch.contents
        self._watch = watch
        self._records = records
        self._sync = sync
        self._workers = workers
        self._seen: set[str] = set()
        """Names that had files while this process ran."""
        self._noting: asyncio.Task[None] | None = None

    async def is_owned(self, name: str) -> bool:
        """Tell whether a name is this index's for good: published at any time, or reserved."""
        if name in self._contents.projects or name in self._seen or self._watch.unavailable_reason is not None:
            return True
        if any(is_reserved(name, pattern) for pattern in self._reserved):
            return True
        async with self._sync.reading():
            return await self._workers.run(lambda: self._records.knows(name))

    def note_new(self, *, durably: bool) -> None:
        """Remember the names that have files, before anyone asks for them; ``durably`` also records them."""
        self._seen |= self._contents.unnoted
        if durably and self._contents.unnoted and (self._noting is None or self._noting.done()):
            self._noting = in_background(self._note())

    async def _note(self) -> None:
        names, self._contents.unnoted = self._contents.unnoted, set()

        def note() -> None:
            for name in names:
                if not self._records.knows(name):
                    self._records.note_project(name)

        async with self._sync.reading():
            try:
                await self._workers.run(note)
            except OSError:  # the next scan tries again; a folder that can only be read remembers while this runs
                self._contents.unnoted |= names
