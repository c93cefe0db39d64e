"""The tokens that an index mints: issued for 15 minutes, verified by their signature, and ended early by burning."""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from publisher.server.auth.decisions import Recalled
from publisher.server.auth.errors import CredentialsRefusedError
from publisher.server.auth.oidc.errors import InvalidJwtError
from publisher.server.auth.oidc.minted_principal import MintedPrincipal, PublisherPart
from publisher.server.auth.oidc.signing_keys import SigningKeys
from publisher.server.auth.principal import Grant, Origin, Principal, PrincipalKind, Right
from publisher.server.auth.revocations import Revocations

PREFIX = "pypi-publish-oidc_"
LIFETIME = 900
"""Seconds that a token lives."""

REVOKED_FOR = LIFETIME + 60
"""Seconds after which no token of a removed publisher is left, whatever the clocks of two machines say."""

_ISSUER = "pypi-publish"
_LONGEST = 8192
_REMEMBERED = 1024
_REFUSED = "The token is unknown, has expired or was revoked."


class Vouchers(Protocol):
    """The accounts as they are now."""

    def principal_now(self, username: str) -> Principal | None:
        """Return an account that is known without waiting; None when that takes a look, or there is none."""

    async def principal(self, username: str) -> Principal | None:
        """Return an account, None when there is none of that name."""


class Share(NamedTuple):
    """One publisher's contribution to a token: its projects, and whether the one of them may be created."""

    publisher: str
    projects: tuple[str, ...]
    voucher: str | None
    creates: bool

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The rights on its projects."""
        rights = {Right.READ, Right.PUBLISH, *([Right.CREATE] if self.creates else [])}
        return tuple(Grant(frozenset(rights), project) for project in self.projects)


@dataclass(frozen=True)
class MintedToken:
    """A token, its end in seconds since 1970, and its sender."""

    text: str = field(repr=False)
    expires: int
    principal: Principal


class MintedTokens:
    """Issues and verifies tokens; any process of the index may verify those of another one."""

    prefix = PREFIX

    def __init__(
        self,
        keys: SigningKeys,
        revocations: Revocations,
        vouchers: Vouchers,
        audience: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._revocations = revocations
        self._vouchers = vouchers
        self._audience = audience
        self._clock = clock
        self._verified: OrderedDict[bytes, Mapping[str, Any]] = OrderedDict()

    async def issue(self, name: str, origin: Origin, shares: Sequence[Share]) -> MintedToken:
        """Return a new token for a job."""
        from publisher.server.auth.oidc import jose  # noqa: PLC0415 - cryptography is a tenth of a second of the start

        key = await self._keys.current()
        now = int(self._clock())
        claims = {
            "iss": _ISSUER,
            "aud": self._audience,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
            "jti": secrets.token_urlsafe(16),
            "name": name,
            "origin": origin.as_record(),
            "shares": [[each.publisher, each.projects, each.voucher, each.creates] for each in shares],
        }
        text = PREFIX + jose.sign(claims, key.secret, key.key_id)
        principal = await self._principal(claims)
        assert principal is not None  # noqa: S101 - for the type checker: issuing looks at the vouchers first
        return MintedToken(text, now + LIFETIME, principal)

    def recall(self, token: str) -> Recalled | None:
        """Return the principal of a token that was verified before, without waiting."""
        claims = self._verified.get(_digest(token))
        if claims is None or claims["exp"] <= self._clock():
            return None
        if any(self._revocations.is_revoked_now(each) is not False for each in _identifiers(claims)):
            return None
        parts = []
        for share in _shares(claims):
            voucher = self._vouchers.principal_now(share.voucher) if share.voucher is not None else None
            if share.voucher is not None and voucher is None:
                return None
            parts.append(PublisherPart(share.grants, voucher))
        ends_at = time.monotonic() + claims["exp"] - self._clock()
        return Recalled(_principal(claims, tuple(parts)), min(ends_at, self._revocations.fresh_until))

    async def verify(self, token: str) -> Principal:
        """Return the principal of a token; raise CredentialsRefusedError for one that is not valid."""
        claims = await self._claims(token)
        if claims is None or claims["exp"] <= self._clock():
            raise CredentialsRefusedError(_REFUSED)
        for identifier in _identifiers(claims):
            if await self._revocations.is_revoked(identifier):
                raise CredentialsRefusedError(_REFUSED)
        principal = await self._principal(claims)
        if principal is None:
            raise CredentialsRefusedError(_REFUSED)
        return principal

    async def burn(self, token: str) -> Principal | None:
        """End a token, durably and everywhere; return its sender, None for one that is not valid anyway."""
        claims = await self._claims(token)
        if claims is None:
            return None
        await self._revocations.revoke(claims["jti"], claims["exp"] + 60)
        return await self._principal(claims)

    async def _claims(self, token: str) -> Mapping[str, Any] | None:
        """Return the claims of a token that this index has signed and that has not expired."""
        digest = _digest(token)
        if digest in self._verified:
            return self._verified[digest]
        from publisher.server.auth.oidc import jose  # noqa: PLC0415 - as above

        text = token.removeprefix(PREFIX)
        if text == token or len(token) > _LONGEST:
            return None
        try:
            unverified = jose.peek(text, jose.OWN_ALGORITHMS)
            key = await self._keys.find(unverified.key_id)
            if key is None:
                return None
            claims = jose.verify_own(text, key.secret, issuer=_ISSUER, audience=self._audience)
        except InvalidJwtError:
            return None
        self._verified[digest] = claims
        while len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return claims

    async def _principal(self, claims: Mapping[str, Any]) -> Principal | None:
        """Return the sender with the rights that its publishers give now; None when no voucher is left."""
        parts = []
        for share in _shares(claims):
            voucher = await self._vouchers.principal(share.voucher) if share.voucher is not None else None
            if share.voucher is None or voucher is not None:
                parts.append(PublisherPart(share.grants, voucher))
        return _principal(claims, tuple(parts)) if parts else None


def _principal(claims: Mapping[str, Any], parts: tuple[PublisherPart, ...]) -> Principal:
    origin = Origin(**claims["origin"])
    return MintedPrincipal(claims["name"], PrincipalKind.MINTED, token=claims["jti"], origin=origin, parts=parts)


def _shares(claims: Mapping[str, Any]) -> list[Share]:
    return [Share(serial, tuple(projects), voucher, creates) for serial, projects, voucher, creates in claims["shares"]]


def _identifiers(claims: Mapping[str, Any]) -> list[str]:
    """Return the identifiers that a token can be revoked by: its own, and the registrations of its publishers."""
    return [claims["jti"], *(share.publisher for share in _shares(claims))]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
