"""The public keys of issuers: fetched from them, kept, and asked for again only so often."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from publisher.server.auth.oidc.errors import InvalidJwtError, InvalidPublisherError, IssuerUnavailableError
from publisher.server.auth.oidc.fetching import FetchLimits, fetch
from publisher.server.auth.oidc.jose import PublicKey, parse_keys
from publisher.server.auth.oidc.urls import check_url, is_here

_DISCOVERY = "/.well-known/openid-configuration"
_log = logging.getLogger(__name__)


class KeyTimes(NamedTuple):
    """Seconds after which keys are fetched again, between two attempts, and between those while no key is known."""

    fresh: float = 3600.0
    pause: float = 60.0
    first: float = 5.0


@dataclass
class _Known:
    """The keys of one issuer, and the monotonic times of their fetch and of the last attempt."""

    keys: dict[str, PublicKey] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    trouble: str = ""
    running: asyncio.Task[None] | None = None


class IssuerKeys:
    """
    The keys of the issuers that registered publishers name; no other issuer is ever asked.

    Known keys stay in use while their issuer does not answer. An issuer is asked at most once in `KeyTimes.pause`.
    """

    def __init__(
        self,
        times: KeyTimes | None = None,
        limits: FetchLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._times = times or KeyTimes()
        self._limits = limits or FetchLimits()
        self._clock = clock
        self._issuers: dict[str, _Known] = {}

    async def key(self, issuer: str, key_id: str) -> PublicKey:
        """
        Return a key of an issuer.

        Raises InvalidJwtError if the issuer does not have the key, IssuerUnavailableError if its keys can't be fetched.
        """
        known = self._issuers.setdefault(issuer, _Known())
        now = self._clock()
        if key_id not in known.keys or now - known.fetched_at > self._times.fresh:
            await self._refresh(issuer, known)
        if key_id in known.keys:
            return known.keys[key_id]
        if known.trouble:
            raise IssuerUnavailableError(known.trouble)
        raise InvalidJwtError("Its key (kid) is not among those of its issuer.")

    async def warm(self, issuers: frozenset[str]) -> None:
        """Fetch the keys of issuers that none are known of."""
        unknown = [(issuer, self._issuers.setdefault(issuer, _Known())) for issuer in issuers]
        await asyncio.gather(*(self._refresh(issuer, known) for issuer, known in unknown if not known.keys))

    async def _refresh(self, issuer: str, known: _Known) -> None:
        """Fetch the keys of an issuer, unless that was tried a moment ago; many that ask share one attempt."""
        if known.running is None:
            if self._clock() - known.tried_at < (self._times.pause if known.keys else self._times.first):
                return
            known.tried_at = self._clock()
            known.running = asyncio.create_task(self._fetch(issuer, known))
        await asyncio.shield(known.running)

    async def _fetch(self, issuer: str, known: _Known) -> None:
        try:
            found = await self._keys_of(issuer)
        except (IssuerUnavailableError, InvalidJwtError) as error:
            known.trouble = f"The keys of {issuer} can't be read: {error}"
            _log.warning("%s", known.trouble)
        else:
            known.keys, known.fetched_at, known.trouble = found, self._clock(), ""
        finally:
            known.running = None

    async def _keys_of(self, issuer: str) -> dict[str, PublicKey]:
        """Return the keys that an issuer publishes (OpenID Connect Discovery 1.0)."""
        try:
            document = json.loads(await fetch(issuer.rstrip("/") + _DISCOVERY, self._limits))
            named, url = document["issuer"], document["jwks_uri"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IssuerUnavailableError("its configuration is not an OpenID configuration.") from error
        if named != issuer:
            raise IssuerUnavailableError("its configuration names another issuer.")
        try:
            check_url(url, here=is_here(issuer))
        except InvalidPublisherError as error:
            raise IssuerUnavailableError(str(error)) from error
        return parse_keys(await fetch(url, self._limits))
