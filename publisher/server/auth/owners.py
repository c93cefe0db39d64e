"""The accounts that stand behind tokens and trusted publishers: their existence and current rights."""

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.principal import Principal


class Owners:
    """Finds accounts by name, without their passwords."""

    def __init__(self, authenticator: Authenticator, access: AccessControl) -> None:
        self._authenticator = authenticator
        self._access = access

    def principal_now(self, username: str) -> Principal | None:
        """Return an account that is known without waiting; None when that takes a look, or there is none."""
        if not self._access.is_recent() or not self._authenticator.knows_now(username):
            return None
        return self._access.principal(username)

    async def principal(self, username: str) -> Principal | None:
        """Return an account, None when there is none of that name; raise AccountsUnavailableError."""
        await self._access.bring_up_to_date()
        if not await self._authenticator.knows(username):
            return None
        return self._access.principal(username)
