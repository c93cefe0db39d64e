"""The first use of each public project, recorded in the audit trail together and off the request."""

import asyncio
import logging

from publisher.limits import LIMITS
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.http.messages import Request
from publisher.server.routes.authorization import principal_of

_log = logging.getLogger(__name__)


class FirstUses:
    """Events that wait to be recorded; those that can't be are tried again later."""

    def __init__(self, audit: AuditTrail, delay: float) -> None:
        self._audit = audit
        self._delay = delay
        self._waiting: list[AuditEvent] = []
        self._recording: asyncio.Task[None] | None = None

    def note(self, request: Request, project: str, upstream: str) -> None:
        """Note the account that first got a public project; the record is written a few seconds later."""
        event = AuditEvent(
            "public-project-used", principal_of(request), request.client, project, details={"upstream": upstream}
        )
        if len(self._waiting) < LIMITS.upstream.remembered_files:
            self._waiting.append(event)
        if self._recording is None:
            self._recording = asyncio.create_task(self._record_later())

    async def stop(self) -> None:
        """Record the waiting first uses, at the end."""
        recording = self._recording
        if recording is not None:
            recording.cancel()
            await asyncio.wait({recording})
        await self._record()

    async def _record_later(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(self._delay)
                await self._record()
        finally:
            self._recording = None

    async def _record(self) -> None:
        events, self._waiting = self._waiting, []
        done = await asyncio.gather(*map(self._audit.record, events), return_exceptions=True)
        failed = [event for event, error in zip(events, done, strict=True) if error is not None]
        for error in done:
            if isinstance(error, BaseException) and not isinstance(error, AccountsUnavailableError):
                raise error
        if failed:
            _log.warning("%d first uses of public projects can't be recorded yet", len(failed))
        self._waiting = [*failed, *self._waiting]
