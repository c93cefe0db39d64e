"""Owned names: a name that was ever published here is never looked for elsewhere, whatever happens to the packages."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from publisher.server.names.filenames import is_reserved
from publisher.server.storage.base import Files, Lease, Storage
from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.errors import StorageError, StorageUnavailableError
from publisher.server.store.contents import FolderContents
from publisher.server.store.ledger import (
    IDENTITY,
    NAMES,
    Confirmation,
    NamesLedger,
    NewNames,
    create_identity,
    disagreement,
    new_identifier,
    read_identity,
    read_packages_ledger,
    read_state_ledger,
    state_lines,
    write_identity,
)
from publisher.server.store.records import Records
from publisher.server.store.watch import in_background
from publisher.server.work.nearby import NearbyThreads

if TYPE_CHECKING:
    import asyncio

RECHECK = 1.0
"""Seconds between two looks at a storage that is taken for lost."""

_IDENTITY_LEASE = "identity"
"""The lease under which the identifier is compared and changed, in every process."""

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class StateLog(NamedTuple):
    """The place of the list beside the accounts: a storage, and the key of a log in it."""

    storage: Storage
    log: str


class OwnedNames:
    """
    The names that have or had files here, in the package storage and beside the accounts.

    A storage that has fewer names than the other one, or another identifier, is taken for lost: nothing is served or
    passed on until the loss is confirmed.
    """

    def __init__(
        self,
        reserved: Sequence[str],
        packages: Storage,
        state: StateLog | None,
        records: Records,
        nearby: NearbyThreads,
    ) -> None:
        self._reserved = reserved
        self._packages = packages
        self._state = state
        self._records = records
        self._nearby = nearby
        self.lost_reason: str | None = None
        """The reason why the package storage is taken for lost, None while it is not."""
        self._identifier: str | None = None
        self._names: set[str] = set()
        self._new_names = NewNames()
        self._claimed: set[str] = set()
        self._claim = Coalesced(self._claim_all)
        self._identity_version: str | None = None
        """The version of the file with the identifier when it was right."""
        self._in_state: set[str] = set()
        self._checked = 0.0
        self._compared = False
        """Whether the storages are known to belong together: before that, nothing is written to either of them."""
        self._unclaimed: set[str] = set()
        self._claiming: asyncio.Task[None] | None = None

    async def start(self, listed: Collection[str]) -> None:
        """Compare both storages, or make the ledger of a new index."""
        if self._state is None:
            _log.warning(
                "without an accounts file or --state FILE the index can't tell an empty disk from a lost one: "
                "it passes no names on to another index"
            )
            self._names = set((await self._read(self._packages, self._packages_ledger)).names)
            self._compared = True
            self.claim_later(set(listed))
            return
        try:
            async with self._state.storage.lease(_IDENTITY_LEASE) as lease:
                await self._compare(listed, lease)
        except StorageError as error:
            _log.warning("the lists of owned names can't be compared: %s", error)
            self.lost_reason = "the lists of owned names could not be compared yet"

    async def is_owned(self, name: str, contents: FolderContents) -> bool:
        """Return whether this index owns a name for good: it was ever published, is reserved, or may be either."""
        if self._identifier is None or self.lost_reason is not None:
            return True
        return any(is_reserved(name, pattern) for pattern in self._reserved) or await self.was_published(name, contents)

    async def was_published(self, name: str, contents: FolderContents) -> bool:
        """Return whether a name was published here at any time; raise StorageUnavailableError while names are lost."""
        if self.lost_reason is not None:
            raise StorageUnavailableError
        if name in contents.projects or name in self._names or name in self._unclaimed:
            return True
        known, new_names = self._names, self._new_names

        def look(files: Files) -> bool:
            new_names.add_to(known, files)
            return name in known or self._records.knows(files, name)

        return await self._read(self._packages, look)

    async def claim(self, names: Collection[str]) -> None:
        """Write names to the package storage, then beside the accounts; raise StorageError when that fails."""
        listed = self._state is None or self._in_state.issuperset(names)
        if not listed or not self._names.issuperset(names):
            self._claimed |= set(names)
            await self._claim()

    async def _claim_all(self) -> None:
        """Write the names that were claimed since the last time: to the packages, and when that is durable, beside."""
        names, self._claimed = self._claimed, set()
        new = names - self._names
        unlisted = names - self._in_state if self._state is not None else set[str]()
        async with AsyncExitStack() as both:
            works: list[Callable[[], None]] = []
            if new:
                files = await both.enter_async_context(self._packages.writing())
                works.append(partial(files.append, NAMES, state_lines(None, new)))
                if self._packages.shared:  # its changes are durable at the end of the block
                    await self._nearby.run(works.pop())
                    await both.aclose()
            if unlisted and self._state is not None:
                files = await both.enter_async_context(self._state.storage.writing())
                works.append(partial(files.append, self._state.log, state_lines(None, unlisted)))
            if works:
                await self._nearby.run(lambda: [work() for work in works])
        self._names |= new
        self._in_state |= unlisted

    def claim_later(self, names: set[str]) -> None:
        """Claim the names of files that were copied into the folder, before anyone asks for them."""
        self._unclaimed |= names - self._names
        ready = self._compared and self.lost_reason is None
        if ready and self._unclaimed and (self._claiming is None or self._claiming.done()):
            self._claiming = in_background(self._claim_copied())

    async def _claim_copied(self) -> None:
        names = set(self._unclaimed)
        await self.claim(names)
        self._unclaimed = self._unclaimed - names

    async def require_identity(self) -> None:
        """Return while the package storage is the one that this index had; raise StorageUnavailableError otherwise."""
        await self.recheck(())
        if self._identifier is not None and self.lost_reason is None:
            version = None if self._packages.shared else self._packages.known_version(IDENTITY)
            if version is None or version != self._identity_version:
                found, _ = await self._read(self._packages, read_identity)
                self._identity_version = version if found == self._identifier else None
                if found != self._identifier:
                    known = NamesLedger(self._identifier, frozenset())
                    self._lose(disagreement(NamesLedger(found, frozenset()), known))
        if self.lost_reason is not None:
            raise StorageUnavailableError

    async def recheck(self, listed: Collection[str]) -> None:
        """Compare again after a loss, which may have been confirmed, or whose disk may be mounted again."""
        if self.lost_reason is None or self._state is None or time.monotonic() - self._checked < RECHECK:
            return
        self._checked = time.monotonic()
        try:
            async with self._state.storage.lease(_IDENTITY_LEASE, patience=1.0) as lease:
                await self._compare(listed, lease)
        except StorageError as error:
            _log.warning("the lists of owned names can't be compared: %s", error)

    async def confirm_loss(self, listed: Collection[str]) -> Confirmation | None:
        """
        Accept a loss: make both storages agree on a new identifier and on all their names, unless they agree already.

        A server that still runs on the lost disk has another index from then on. Returns None without a list.
        """
        if self._state is None:
            return None
        state = self._state
        async with state.storage.lease(_IDENTITY_LEASE) as lease:
            await state.storage.refresh()
            known = await self._read(state.storage, lambda files: read_state_ledger(files, state.log))
            await self._packages.refresh()
            found = await self._read(self._packages, self._packages_ledger)
            lost = disagreement(found, known) is not None
            if lost:
                await self._make(new_identifier(), known.names | found.names | set(listed), lease)
            await self._compare(listed, lease)
        if self.lost_reason is not None or self._identifier is None:
            raise StorageUnavailableError
        return Confirmation(len(self._names), lost)

    async def remake(self) -> None:
        """Write identifier and names again, whose folder was removed while the packages stayed."""
        identifier, names = self._identifier, set(self._names)
        if identifier is None or self.lost_reason is not None:
            return

        def work(files: Files) -> None:
            create_identity(files, identifier)
            files.append(NAMES, state_lines(None, names))

        async with self._packages.writing() as files:
            await self._nearby.run(lambda: work(files))

    async def _compare(self, listed: Collection[str], lease: Lease) -> None:
        """Read the state first, then bring the packages up to date: every name in the state must be in the packages."""
        assert self._state is not None  # noqa: S101 - for the type checker: the callers have looked
        log = self._state.log
        await self._state.storage.refresh()
        state = await self._read(self._state.storage, lambda files: read_state_ledger(files, log))
        await self._packages.refresh()
        packages = await self._read(self._packages, self._packages_ledger)
        names = packages.names | set(listed)
        fresh = state.identifier is None and (packages.identifier is None or not packages.complete)
        if fresh:
            packages = await self._make(packages.identifier or new_identifier(), names, lease)
            state = packages
        self._identifier, self._identity_version = packages.identifier, None
        one = {name: name for name in listed}  # of each text, so that 100,000 names are in memory once
        self._names = {one.get(name, name) for name in packages.names}
        self._in_state = {one.get(name, name) for name in state.names}
        self._new_names = NewNames()
        self._lose(disagreement(packages, state))
        if self.lost_reason is None:
            await self.claim(names)
            self._compared = True
            self._unclaimed = self._unclaimed - names  # emptied in place, a set keeps its size

    async def _make(self, identifier: str, names: frozenset[str] | set[str], lease: Lease) -> NamesLedger:
        """Make the ledger of an index that had none in either storage; one that was begun is completed."""
        assert self._state is not None  # noqa: S101 - for the type checker
        log = self._state.log
        try:
            async with self._packages.writing(lease) as files:
                await self._nearby.run(lambda: write_identity(files, identifier, complete=False))
                await self._nearby.run(lambda: files.append(NAMES, state_lines(None, names)))
        except StorageError as error:  # a folder that can only be read is served, and nothing is passed on
            _log.warning("the list of owned names can't be written: %s", error)
            return NamesLedger(None, frozenset(names))
        async with self._state.storage.writing() as files:
            await self._nearby.run(lambda: files.append(log, state_lines(identifier, names)))
        async with self._packages.writing(lease) as files:
            await self._nearby.run(lambda: write_identity(files, identifier, complete=True))
        return NamesLedger(identifier, frozenset(names))

    def _packages_ledger(self, files: Files) -> NamesLedger:
        found = read_packages_ledger(files)
        return NamesLedger(found.identifier, found.names | self._records.names(files), found.complete)

    def _lose(self, reason: str | None) -> None:
        if reason is not None and reason != self.lost_reason:
            _log.error("%s", reason)
        self.lost_reason = reason

    async def _read(self, storage: Storage, work: Callable[[Files], _Result]) -> _Result:
        async with storage.reading() as files:
            return await self._nearby.run(lambda: work(files))
