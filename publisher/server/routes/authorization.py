"""Authorization: one function decides for the fast path and for the application."""

from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import MissingCredentialsError
from publisher.server.http.forwarding import place_of
from publisher.server.http.messages import Request
from publisher.server.routes.table import Access
from publisher.server.settings import Right


class Authorization:
    """Decides whether a request may use a route, by the right that the route table names."""

    def __init__(self, authenticate: frozenset[Right], authenticator: Authenticator) -> None:
        self._authenticate = authenticate
        self._authenticator = authenticator

    def from_memory(self, request: Request, right: Right | Access) -> bool:
        """Tell whether a request may go on, without waiting; set its user name where its credentials are remembered."""
        header = request.headers.get(b"authorization")
        if header is not None and right is not Access.ADMIN:
            request.username = self._authenticator.recall(header)
        return right is Access.OPEN or request.username is not None or self._is_open(right)

    async def require(self, request: Request, right: Right | Access) -> None:
        """Return when a request may go on; raise an AuthError otherwise, after verifying what is not remembered."""
        if self.from_memory(request, right):
            return
        header = request.headers.get(b"authorization")
        if right is Access.ADMIN:
            await self._authenticator.require_admin(header, place_of(request.client))
        elif header is None:
            raise MissingCredentialsError
        else:
            request.username = await self._authenticator.authenticate(header, place_of(request.client))

    def _is_open(self, right: Right | Access) -> bool:
        return isinstance(right, Right) and right not in self._authenticate
