"""Owned names of a bucket: a name that has a record was published here, also when its files are deleted."""

import logging
import time
from collections.abc import Sequence

from publisher.server.names.filenames import is_reserved
from publisher.server.storage.errors import AbsentError, StorageError, StorageUnavailableError
from publisher.server.store.bucket.records import ProjectRecords
from publisher.server.store.ledger import Confirmation, NamesLedger, disagreement, read_state_ledger, state_lines
from publisher.server.store.owned_names import RECHECK, StateLog
from publisher.server.work.workers import Workers

_log = logging.getLogger(__name__)


class BucketOwnedNames:
    """Compares the records with the list outside the bucket, where there is one (``--state``)."""

    def __init__(
        self,
        reserved: Sequence[str],
        identifier: str,
        records: ProjectRecords,
        state: StateLog | None,
        workers: Workers,
    ) -> None:
        self._reserved = reserved
        self._identifier = identifier
        self._records = records
        self._state = state
        self._workers = workers
        self._in_state: set[str] = set()
        self._checked = float("-inf")
        self.lost_reason: str | None = None
        """The reason why the bucket is taken for lost, None while it is not."""

    async def start(self) -> None:
        """Compare the bucket with the list, or begin the list."""
        if self._state is not None:
            self.lost_reason = "the list of owned names could not be compared yet"
            await self.recheck()

    async def recheck(self) -> None:
        """Compare again after a loss, which may have been confirmed, or may be over."""
        if self._state is None or self.lost_reason is None or time.monotonic() - self._checked < RECHECK:
            return
        self._checked = time.monotonic()
        try:
            listed = await self._listed(self._state)
            names = frozenset({name for name, _ in await self._workers.run(lambda: list(self._records.versions()))})
            if listed.identifier is None:
                await self._append(self._state, self._identifier, names)
                listed = NamesLedger(self._identifier, names)
            reason = disagreement(NamesLedger(self._identifier, names), listed)
            self._in_state = set(listed.names)
            if reason is None and names - listed.names:
                await self._append(self._state, None, names - listed.names)
        except StorageError as error:
            _log.warning("the list of owned names can't be compared: %s", error)
            return
        if reason is not None and reason != self.lost_reason:
            _log.error("%s", reason)
        self.lost_reason = reason

    async def is_owned(self, name: str) -> bool:
        """Return whether this index owns a name for good: it was ever published, is reserved, or may be either."""
        return any(is_reserved(name, pattern) for pattern in self._reserved) or await self.was_published(name)

    async def was_published(self, name: str) -> bool:
        """Return whether a name was ever published here; raise StorageUnavailableError while that is not known."""
        if self.lost_reason is not None:
            raise StorageUnavailableError
        if name in self._in_state:
            return True
        try:
            await self._workers.run(lambda: self._records.read(name))
        except AbsentError:
            return False
        return True

    async def claim(self, name: str) -> None:
        """Note outside the bucket that a name was published; raise StorageError when that fails."""
        if self._state is not None and name not in self._in_state:
            await self._append(self._state, None, {name})

    async def confirm_loss(self) -> Confirmation | None:
        """Accept a loss of packages, if there is one; return None without a list of owned names."""
        if self._state is None:
            return None
        listed = await self._listed(self._state)
        names = frozenset({name for name, _ in await self._workers.run(lambda: list(self._records.versions()))})
        lost = disagreement(NamesLedger(self._identifier, names), listed) is not None
        for name in listed.names - names:  # an empty record makes the index own the name
            await self._records.change(name, lambda _: True)
        if lost:
            await self._append(self._state, self._identifier, names | listed.names)
        self._checked = float("-inf")
        await self.recheck()
        return Confirmation(len(names | listed.names), lost)

    async def _listed(self, state: StateLog) -> NamesLedger:
        await state.storage.refresh()
        async with state.storage.reading() as files:
            return await self._workers.run(lambda: read_state_ledger(files, state.log))

    async def _append(self, state: StateLog, identifier: str | None, names: set[str] | frozenset[str]) -> None:
        async with state.storage.writing() as files:
            await self._workers.run(lambda: files.append(state.log, state_lines(identifier, names)))
        self._in_state |= names
