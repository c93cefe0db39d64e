"""The audit trail over HTTP, for admins."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from publisher.server.auth.audit.query import AuditQuery, find_events
from publisher.server.http.messages import HttpError, Request, Response, json_response
from publisher.server.names.filenames import normalize
from publisher.server.storage.base import Storage


class AuditRoutes:
    """Answers ``/-/audit``."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def show(self, request: Request, _rest: str = "") -> Response:
        """List the events that ``project``, ``user`` and ``since`` (seconds ago) select."""
        given = parse_qs(request.scope.get("query_string", b"").decode("latin-1"), max_num_fields=10)
        project, user, since = (given.get(key, [""])[0] for key in ("project", "user", "since"))
        try:
            start = datetime.now(UTC) - timedelta(seconds=float(since)) if since else None
        except (ValueError, OverflowError) as error:
            raise HttpError(422, "'since' must be a number of seconds.") from error
        query = AuditQuery(normalize(project), user, start)
        await self._storage.refresh()
        async with self._storage.reading() as files:
            events = await asyncio.to_thread(find_events, files, query)
        return json_response({"events": events})
