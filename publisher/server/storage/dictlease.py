"""Leases in a dictionary that all containers share, judged by the waiter's own clock alone."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from publisher.server.storage.errors import LeaseLostError, StorageUnavailableError
from publisher.server.storage.notices import SharedDict
from publisher.server.storage.turns import LocalTurns

LEASE_SECONDS = 30.0
"""Seconds after which a lease that its holder does not renew is taken over."""

_PAUSE = 0.1


@dataclass
class DictLease:
    """A lease with its fencing number."""

    entries: SharedDict
    name: str
    value: str
    number: int = 0
    holder: str = field(default_factory=lambda: uuid.uuid4().hex)
    renewing: asyncio.Task[None] | None = None
    kept_until: asyncio.Task[None] | None = None
    """The commit that has to succeed before the lease may be given back."""

    def key(self, number: int) -> str:
        """Return the key of the entry with a number."""
        return f"lease/{self.name}#{number}"

    def entry(self, beat: int) -> tuple[str, int, str]:
        """Return the holder's entry: its beat grows as it lives, and is negative once it has given the lease back."""
        return self.holder, beat, self.value

    async def check(self) -> None:
        """Raise LeaseLostError once another one has taken the lease, unless for the same value."""
        number = self.number + 1
        while (newer := await self._read(number)) is not None:
            if not self.value or newer[2] != self.value:
                raise LeaseLostError("Another writer was faster; nothing was stored. Send it again.")
            number += 1

    def keep_until(self, settled: asyncio.Task[None]) -> None:
        """Give the lease back only when a commit has succeeded."""
        self.kept_until = settled

    async def _read(self, number: int) -> Any:
        try:
            return await self.entries.get(self.key(number))
        except Exception as error:
            raise StorageUnavailableError from error


class DictLeases:
    """
    Makes leases: a holder with number N creates the entry N, which the dictionary grants to one alone.

    The holder renews its entry and says in it when it gives the lease back. A waiter that has seen an entry unchanged
    for the time of a lease, on its own clock, creates the next one. Entries are never removed, so that no number is
    given twice; they expire on their own.
    """

    def __init__(self, entries: SharedDict, seconds: float = LEASE_SECONDS) -> None:
        self._entries = entries
        self._seconds = seconds
        self._turns = LocalTurns()
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def hold(self, name: str, value: str, patience: float) -> AsyncIterator[DictLease]:
        """Hold a lease; raise StorageUnavailableError when that takes longer than ``patience`` seconds."""
        deadline = time.monotonic() + patience
        turn = await self._turns.take(name, patience)
        lease = DictLease(self._entries, name, value)
        try:
            try:
                lease.number = await self._take(lease, deadline)
            except StorageUnavailableError:
                raise
            except Exception as error:
                raise StorageUnavailableError from error
            lease.renewing = asyncio.create_task(self._renew(lease))
            yield lease
        finally:
            if lease.kept_until is None:
                await self._give_back(lease, turn)
            else:  # its changes are not durable yet: no other writer may write until they are
                self._ending.add(task := asyncio.create_task(self._give_back(lease, turn)))
                task.add_done_callback(self._ending.discard)

    async def _give_back(self, lease: "DictLease", turn: asyncio.Lock) -> None:
        if lease.kept_until is not None:
            await asyncio.wait([lease.kept_until])
        if lease.renewing is not None:
            lease.renewing.cancel()
            with suppress(Exception):  # it ends on its own then
                await self._put(lease, -1)
        turn.release()

    async def _take(self, lease: "DictLease", deadline: float) -> int:
        """Create the first free entry, and return its number."""
        number = int(await self._entries.get(f"lease/{lease.name}") or 0)
        seen: Any = None
        seen_at = time.monotonic()
        while True:
            while await self._entries.get(lease.key(number + 1)) is not None:
                number += 1
            current = await self._entries.get(lease.key(number)) if number else None
            if current != seen:
                seen, seen_at = current, time.monotonic()
            free = current is None or current[1] < 0 or (lease.value and current[2] == lease.value)
            expired = time.monotonic() - seen_at > self._seconds
            if (free or expired) and await self._entries.create(lease.key(number + 1), lease.entry(0)):
                await self._entries.put(f"lease/{lease.name}", number + 1)
                return number + 1
            if time.monotonic() > deadline:
                raise StorageUnavailableError
            await asyncio.sleep(_PAUSE)

    async def _renew(self, lease: "DictLease") -> None:
        for beat in range(1, 1_000_000):
            await asyncio.sleep(self._seconds / 3)
            with suppress(Exception):  # the next beat may succeed
                await self._put(lease, beat)

    async def _put(self, lease: "DictLease", beat: int) -> None:
        await self._entries.put(lease.key(lease.number), lease.entry(beat))
