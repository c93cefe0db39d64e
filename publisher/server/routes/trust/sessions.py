"""The sessions of an account's browsers over HTTP: all of them end together."""

from publisher.server.auth.sessions.sessions import Sessions
from publisher.server.http.messages import Request, Response, json_response
from publisher.server.routes.authorization import principal_of
from publisher.server.routes.trust.oversight import Oversight


class SessionRoutes:
    """Answers ``/-/sessions``."""

    def __init__(self, sessions: Sessions, oversight: Oversight) -> None:
        self._sessions = sessions
        self._oversight = oversight

    async def end_all(self, request: Request, _rest: str = "") -> Response:
        """End all sessions of the sender's account."""
        username = principal_of(request).name
        await self._sessions.end_all(username)
        await self._oversight.record(request, "sessions-ended", account=username)
        return json_response({"username": username, "status": "ended"})
