"""The interface of verifiers, one for each kind of token."""

from typing import Protocol

from publisher.server.auth.decisions import Recalled
from publisher.server.auth.principal import Principal

TOKEN_USER = "__token__"  # noqa: S105 - a user name
"""The user name with which every client sends a token as the password."""


class TokenVerifier(Protocol):
    """Verifies the tokens that begin with its prefix."""

    prefix: str

    def recall(self, token: str) -> Recalled | None:
        """Return the principal of a token that was verified before, without waiting; None when that takes a look."""

    async def verify(self, token: str) -> Principal:
        """
        Return the principal of a token.

        Raises CredentialsRefusedError for one that is unknown, expired or revoked, AccountsUnavailableError when that
        can't be found out.
        """
        ...
