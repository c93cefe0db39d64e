"""The exchange of an issuer's token for one of the index: every check, in its order."""

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from publisher.server.auth.oidc.errors import (
    ClaimMismatchError,
    InvalidJwtError,
    IssuerUnavailableError,
    MintingRefusedError,
    RefusalCode,
)
from publisher.server.auth.oidc.issuers import IssuerKeys
from publisher.server.auth.oidc.jose import ISSUER_ALGORITHMS, LEEWAY, peek, verify
from publisher.server.auth.oidc.minted_tokens import MintedToken, MintedTokens, Share, Vouchers
from publisher.server.auth.oidc.publishers import Publisher, PublisherState
from publisher.server.auth.oidc.registry import PublisherRegistry
from publisher.server.storage.base import Storage

_LONGEST = 32 * 1024
_LONGEST_LIFE = 86_400.0
"""Longest lifetime of an issuer's token, in seconds; used tokens are remembered that long."""


class ExchangeParts(NamedTuple):
    """The parts that an exchange works with; ``is_published`` returns whether a project has files."""

    registry: PublisherRegistry
    tokens: MintedTokens
    vouchers: Vouchers
    storage: Storage
    is_published: Callable[[str], Awaitable[bool]]
    audience: str


class Exchange:
    """Mints a token for each token of an issuer that a registered publisher may have, once."""

    def __init__(self, parts: ExchangeParts, keys: IssuerKeys | None = None) -> None:
        self._parts = parts
        self._keys = keys or IssuerKeys()

    async def warm(self) -> None:
        """Fetch the keys that the exchange will need."""
        await self._keys.warm(frozenset(each.issuer for each in await self._parts.registry.all()))

    async def mint(self, token: str) -> MintedToken:
        """Return a minted token; raise MintingRefusedError if the issuer's token fails a check."""
        try:
            claims = await self._verified(token)
        except InvalidJwtError as error:
            raise MintingRefusedError(RefusalCode.TOKEN, f"The token is not valid. {error}") from error
        except IssuerUnavailableError as error:
            raise MintingRefusedError(RefusalCode.UNAVAILABLE, str(error)) from error
        publishers = await self._usable(await self._matching(claims))
        await self._claim(claims)
        try:
            used = [await self._use(publisher, state, claims) for publisher, state in publishers]
        except ClaimMismatchError as error:
            raise MintingRefusedError(RefusalCode.PUBLISHER, str(error)) from error
        shares = [
            Share(each.serial, each.projects, each.voucher, each.state is PublisherState.CREATING) for each in used
        ]
        return await self._parts.tokens.issue(used[0].title, used[0].origin(claims), shares)

    async def _verified(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that the issuer of a publisher has signed for this index."""
        if len(token) > _LONGEST:
            raise InvalidJwtError(f"It is longer than {_LONGEST} characters.")
        unverified = peek(token, ISSUER_ALGORITHMS)
        if all(each.issuer != unverified.issuer for each in await self._parts.registry.all()):
            raise MintingRefusedError(
                RefusalCode.PUBLISHER, f"No publisher of this index has the issuer {unverified.issuer!r}."
            )
        key = await self._keys.key(unverified.issuer, unverified.key_id)
        if key.algorithm != unverified.algorithm:
            raise InvalidJwtError("Its algorithm does not match its key.")
        claims = verify(token, key, issuer=unverified.issuer, audience=self._parts.audience)
        if claims["exp"] > time.time() + _LONGEST_LIFE:
            raise InvalidJwtError("It is valid for more than a day.")
        return claims

    async def _matching(self, claims: Mapping[str, Any]) -> Sequence[Publisher]:
        """Return the publishers whose claims a token has; a refusal lists the differences from the nearest."""
        found, reasons = [], []
        for publisher in await self._parts.registry.all():
            if publisher.issuer != claims["iss"]:
                continue
            try:
                publisher.check(claims)
            except ClaimMismatchError as error:
                if publisher.kind != "oidc":  # rules of other kinds may contain secrets
                    reasons.append(f"{publisher.name}: {error}")
                continue
            if publisher.voucher is None or await self._parts.vouchers.principal(publisher.voucher) is not None:
                found.append(publisher)
            else:
                reasons.append(f"{publisher.name}: the account that vouched for it is gone.")
        if not found:
            who = claims.get("repository") or claims.get("project_path") or claims.get("sub") or claims["iss"]
            raise MintingRefusedError(
                RefusalCode.PUBLISHER, f"No publisher of this index matches {who}. {_nearest(reasons, str(who))}"
            )
        return found

    async def _usable(self, publishers: Sequence[Publisher]) -> list[tuple[Publisher, PublisherState]]:
        """Return the publishers that may be used now, with their states; unusable ones are skipped."""
        found, refusals = [], []
        for publisher in publishers:
            try:
                found.append((publisher, await self._next_state(publisher)))
            except MintingRefusedError as error:
                refusals.append(error)
        if not found:
            raise refusals[0]
        return found

    async def _next_state(self, publisher: Publisher) -> PublisherState:
        """Return the state of a publisher after this use: one that may create a project does so once."""
        if publisher.state is PublisherState.ACTIVE:
            return publisher.state
        if not await self._parts.is_published(publisher.projects[0]):
            return PublisherState.CREATING
        if publisher.state is PublisherState.PENDING:
            raise MintingRefusedError(
                RefusalCode.PENDING,
                f"The publisher {publisher.name} may only create {publisher.projects[0]}, which exists already: "
                f"run `pypi-publish trust remove {publisher.name}`, then register it without --create.",
            )
        return PublisherState.ACTIVE

    async def _claim(self, claims: Mapping[str, Any]) -> None:
        """Mark a token as used, before anything is minted for it."""
        seconds = claims["exp"] - time.time() + 2 * LEEWAY
        mine = uuid.uuid4().hex
        if await self._parts.storage.claim_once(f"jti {claims['iss']} {claims['jti']}", mine, seconds) != mine:
            raise MintingRefusedError(RefusalCode.REUSE, "The token was exchanged already; request a new one.")

    async def _use(self, publisher: Publisher, state: PublisherState, claims: Mapping[str, Any]) -> Publisher:
        """Return a publisher with this token's numbers; they are stored before the first token is minted."""
        if state is publisher.state and publisher.pinned_by(claims).pins == publisher.pins:
            return publisher
        return await self._parts.registry.use(publisher.name, claims, state)


def _nearest(reasons: list[str], who: str) -> str:
    """Return the reasons that name the repository of the token, else none: other teams' names stay theirs."""
    near = [reason for reason in reasons if not _is_foreign(reason)]
    return " ".join(near[:3]) or f"Register it: `pypi-publish trust add`. ({who})"


def _is_foreign(reason: str) -> bool:
    return any(f"The claim {name} is" in reason for name in ("repository", "project_path", "repository_owner"))
