"""Tokens that ended before their time: one list in the storage of the accounts, which every process reads."""

import json
import time
from collections.abc import Mapping

from publisher.server.auth.decisions import Generation
from publisher.server.auth.fresh_copy import CopyTimes, FreshCopy
from publisher.server.auth.rewriting import parse_for_change, rewrite_alone
from publisher.server.storage.base import Storage
from publisher.server.storage.json_text import parse_json

_KEY = "tokens/revoked"
"""The file with a JSON object: for each revoked token its identifier, and until when (seconds since 1970)."""


class Revocations:
    """
    The list of revoked and burnt tokens, by identifiers that are no secrets (a `jti`, a hash).

    A copy older than 5 s is read again, and one older than 60 s refuses every token.
    """

    def __init__(self, storage: Storage, times: CopyTimes | None = None, generation: Generation | None = None) -> None:
        self._storage = storage
        self._copy = FreshCopy(storage, _KEY, _parse, times, (generation or Generation()).advance)

    def is_revoked_now(self, identifier: str) -> bool | None:
        """Return whether a token is revoked without waiting; None when the list has to be read first."""
        known = self._copy.recent()
        return None if known is None else identifier in known

    @property
    def fresh_until(self) -> float:
        """The monotonic time until which `is_revoked_now` answers as it does now, unless the list changes."""
        return self._copy.fresh_until

    async def is_revoked(self, identifier: str) -> bool:
        """Return whether a token is revoked; raise AccountsUnavailableError when the list can't be read."""
        return identifier in await self._copy.get()

    async def revoke(self, identifier: str, until: float) -> None:
        """Add a token that would end by itself at a time (seconds since 1970); durable when this returns."""

        def change(before: bytes | None) -> tuple[bytes, None]:
            known = parse_for_change(_KEY, _parse, before)
            left = {each: end for each, end in known.items() if end > time.time()}
            return json.dumps({**left, identifier: until}).encode(), None

        await rewrite_alone(self._storage, "revocations", _KEY, change)
        self._copy.forget()


def _parse(data: bytes | None) -> Mapping[str, float]:
    return {str(key): float(value) for key, value in parse_json(data or b"{}").items()}
