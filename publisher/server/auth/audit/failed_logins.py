"""Failed logins, counted: one event a minute for each account and address."""

import asyncio
import logging
from collections import Counter
from contextlib import suppress

from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.errors import AuthError
from publisher.server.auth.principal import ANONYMOUS

EVERY = 60.0
"""Seconds between two events of the same kind."""

COUNTED = 4096
"""Pairs of account and address that are counted apart."""

UNKNOWN = "(no account)"
"""Instead of a name that no account has: people type passwords there."""

_log = logging.getLogger(__name__)


class FailedLogins:
    """Counts failed logins, and writes the sums in the background."""

    def __init__(self, audit: AuditTrail, every: float = EVERY) -> None:
        self._audit = audit
        self._every = every
        self._counts: Counter[tuple[str, str]] = Counter()
        self._task: asyncio.Task[None] | None = None

    def note(self, account: str | None, address: str) -> None:
        """Count a failed login for an account, None for a name without one."""
        key = account or UNKNOWN, address
        if key not in self._counts and len(self._counts) >= COUNTED:
            key = UNKNOWN, "(many)"
        self._counts[key] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._later())

    async def stop(self) -> None:
        """Write the counts."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._write()

    async def _later(self) -> None:
        while self._counts:  # more may come while the last ones are written
            await asyncio.sleep(self._every)
            await self._write()

    async def _write(self) -> None:
        counts, self._counts = self._counts, Counter()
        events = [
            AuditEvent("logins-failed", ANONYMOUS, address, details={"account": account, "count": count})
            for (account, address), count in counts.items()
        ]
        for outcome in await asyncio.gather(*map(self._audit.record, events), return_exceptions=True):
            if isinstance(outcome, AuthError):
                _log.warning("failed logins could not be written to the audit trail")
