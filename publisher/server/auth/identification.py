"""The sender of a request: an account by its password, or the owner of a token."""

from collections.abc import Sequence
from contextlib import suppress

from publisher.limits import LIMITS
from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.audit.failed_logins import FailedLogins
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.basic import parse_basic, parse_bearer
from publisher.server.auth.decisions import Generation, Recalled
from publisher.server.auth.errors import AccountsUnavailableError, AdminTokenRefusedError, CredentialsRefusedError
from publisher.server.auth.principal import ADMIN_TOKEN, Principal
from publisher.server.auth.tokens.verifier import TOKEN_USER, TokenVerifier

REMEMBERED_TOKENS = 4096


class Identification:
    """Returns the principal of a header: passwords go to the authenticator, tokens to the verifier of their prefix."""

    def __init__(
        self,
        authenticator: Authenticator,
        access: AccessControl,
        verifiers: Sequence[TokenVerifier] = (),
        failed: FailedLogins | None = None,
        generation: Generation | None = None,
    ) -> None:
        self._failed = failed
        self._generation = generation or Generation()
        self._authenticator = authenticator
        self._access = access
        self._verifiers = tuple(verifiers)
        self._tokens: dict[bytes, tuple[TokenVerifier, str]] = {}
        """The tokens in headers that were right, so that their bytes are taken apart once."""

    def recall(self, header: bytes) -> Recalled | None:
        """Return the principal of credentials that were verified and are still right; without waiting."""
        known = self._tokens.get(header)
        if known is not None:
            return known[0].recall(known[1])
        username = self._authenticator.recall(header)
        if username is None:
            return None
        return Recalled(self._access.principal(username), self._authenticator.remembered_until())

    async def authenticate(self, header: bytes, address: str) -> Principal:
        """
        Return the principal of credentials.

        Raises CredentialsRefusedError for missing or wrong ones, AccountsUnavailableError when that can't be found out,
        BusyError when too many others are being verified.
        """
        token = _token(header)
        try:
            return await self._verify(header, token, address)
        except CredentialsRefusedError:
            if self._failed is not None and _is_attempt(header):
                self._failed.note(await self._known_name(header), address)
            raise

    async def _verify(self, header: bytes, token: str | None, address: str) -> Principal:
        if token is None:
            return self._access.principal(await self._authenticator.authenticate(header, address))
        verifier = next((each for each in self._verifiers if token.startswith(each.prefix)), None)
        if verifier is None:
            raise CredentialsRefusedError("Not a token of this index.")
        found = await verifier.verify(token)
        if len(header) <= LIMITS.credentials:  # one with more has blanks, and could have other ones each time
            if len(self._tokens) >= REMEMBERED_TOKENS:
                self._tokens.clear()
            self._tokens[header] = verifier, token
            self._generation.advance()
        return found

    async def _known_name(self, header: bytes) -> str | None:
        """Return the name of the account that a login failed for, None where there is none of that name."""
        with suppress(CredentialsRefusedError, AccountsUnavailableError):
            username, _ = parse_basic(header)
            if await self._authenticator.knows(username):
                return username
        return None

    async def require_admin(self, header: bytes | None, address: str) -> None:
        """Return when a header bears the admin token; raise an AuthError or BusyError otherwise."""
        try:
            await self._authenticator.require_admin(header, address)
        except AdminTokenRefusedError:
            if self._failed is not None and header is not None and parse_bearer(header) is not None:
                self._failed.note(ADMIN_TOKEN.name, address)
            raise


def _is_attempt(header: bytes) -> bool:
    """Return whether a header has a secret: pip and uv ask with an empty password first."""
    with suppress(CredentialsRefusedError):
        return parse_bearer(header) is not None or bool(parse_basic(header)[1])
    return False


def _token(header: bytes) -> str | None:
    """Return the token of a header, None for a user's password."""
    bearer = parse_bearer(header)
    if bearer is not None:
        return bearer.decode("latin-1")
    username, password = parse_basic(header)
    return password if username == TOKEN_USER and password else None
