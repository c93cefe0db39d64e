"""Oversight of changes: the right to make one, and its entry in the audit trail before it is acknowledged."""

from typing import Any

from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.http.messages import Request
from publisher.server.routes.authorization import Authorization, principal_of


class Oversight:
    """Rights and audit events of handlers that change something."""

    def __init__(self, authorization: Authorization, audit: AuditTrail) -> None:
        self.authorization = authorization
        self._audit = audit

    async def record(self, request: Request, what: str, project: str = "", **details: Any) -> None:
        """Record a request's change; raise AccountsUnavailableError when that fails."""
        given = {name: value for name, value in details.items() if value is not None}
        await self._audit.record(AuditEvent(what, principal_of(request), request.client, project, given))
