"""The audit trail: changes with account, time and address, in batches that are never changed."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from publisher.server.auth.audit.days import FOLDER, remove_old
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.principal import Principal
from publisher.server.storage.base import Storage
from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.errors import StorageError

KEPT_DAYS = 400
"""Days after which events are removed, where no other number was given."""

_MOST_WAITING = 10_000
"""Maximum number of unwritten events; beyond it, the oldest are lost."""

InThread = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs blocking work in a thread."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AuditEvent:
    """
    One change: its kind (``upload``, ``token-created``), account, address, and details.

    Details hold no secret: names, digests, projects.
    """

    what: str
    who: Principal
    address: str = ""
    project: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_record(self, at: datetime) -> dict[str, Any]:
        """Return the event as it is written."""
        found = {"v": 1, "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "what": self.what, **self.who.as_record()}
        if self.address:
            found["from"] = self.address
        if self.project:
            found["project"] = self.project
        return found | dict(self.details)


class AuditTrail:
    """
    Writes events to the storage of the accounts; simultaneous events share one batch.

    Events that can't be written are kept and tried again: a repeated request may find nothing left to change.
    """

    def __init__(self, storage: Storage, kept_days: int = KEPT_DAYS, in_thread: InThread = asyncio.to_thread) -> None:
        self._storage = storage
        self._in_thread = in_thread
        self._kept_days = kept_days
        self._newest_day = ""
        self._waiting: list[tuple[datetime, AuditEvent]] = []
        self._write = Coalesced(self._write_batch)

    async def record(self, event: AuditEvent) -> None:
        """
        Write an event; call this before its change is acknowledged.

        Raises AccountsUnavailableError when it can't be written: the change must not be acknowledged then.
        """
        self._waiting.append((datetime.now(UTC), event))
        await self._flush("The change was made, but the audit trail can't be written just now; repeat the request.")

    async def settle(self) -> None:
        """
        Return when all earlier events are written; call this before the next change is made.

        Raises AccountsUnavailableError if they can't be written.
        """
        if self._waiting or not self._write.is_idle:
            await self._flush("The audit trail can't be written just now, so nothing can be changed; try again later.")

    async def _flush(self, refusal: str) -> None:
        try:
            await self._write()
        except (StorageError, TimeoutError, OSError) as error:
            _log.exception("the audit trail can't be written")
            raise AccountsUnavailableError(refusal) from error

    async def _write_batch(self) -> None:
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            newest_day = await self._append(batch)
        except BaseException:
            self._waiting = [*batch, *self._waiting][-_MOST_WAITING:]
            raise
        if newest_day != self._newest_day:  # once a day, and after a start
            self._newest_day = newest_day
            await self._remove_old()

    async def _append(self, batch: Sequence[tuple[datetime, AuditEvent]]) -> str:
        """Append events to the logs of their days, and return the newest day."""
        days: dict[str, bytes] = {}
        for at, event in batch:
            day = at.strftime("%Y-%m-%d")
            line = json.dumps(event.as_record(at), ensure_ascii=False, separators=(",", ":")).encode()
            days[day] = days.get(day, b"") + line + b"\n"
        async with self._storage.writing() as files:
            for day, lines in days.items():
                await self._in_thread(partial(files.append, f"{FOLDER}/{day}", lines))
        return max(days)

    async def _remove_old(self) -> None:
        try:
            async with self._storage.lease("audit") as lease, self._storage.writing(lease) as files:
                await asyncio.to_thread(remove_old, files, self._kept_days)
        except StorageError as error:
            _log.warning("old events of the audit trail could not be removed: %s", error)
