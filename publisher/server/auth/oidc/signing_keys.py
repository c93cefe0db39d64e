"""The keys with which an index signs the tokens that it mints: kept beside the accounts, and rotated."""

import base64
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from publisher.server.auth.fresh_copy import CopyTimes, FreshCopy
from publisher.server.auth.rewriting import parse_for_change, rewrite_alone
from publisher.server.storage.base import Storage
from publisher.server.storage.json_text import parse_json

KEY = "trust/keys.json"
ROTATED_AFTER = 7 * 86400.0
"""Seconds after which a new key signs; the one before it still verifies."""

_KEPT = 2
_BYTES = 32
_TIMES = CopyTimes(fresh=300.0, usable=86400.0)
"""A key is looked for again when a token names an unknown one; otherwise, now and then, in case it was removed."""

_UNKNOWN_PAUSE = 1.0
"""Seconds between two looks for a key that is not known."""


@dataclass(frozen=True)
class SigningKey:
    """A secret key, its name, and when it was made (seconds since 1970)."""

    key_id: str
    secret: bytes = field(repr=False)
    created: float


class SigningKeys:
    """The keys of an index, the newest last; all its processes share them through the storage of the accounts."""

    def __init__(self, storage: Storage, clock: Callable[[], float] = time.time) -> None:
        self._storage = storage
        self._clock = clock
        self._copy: FreshCopy[tuple[SigningKey, ...]] = FreshCopy(storage, KEY, _parse, _TIMES)
        self._looked_at = float("-inf")

    async def current(self) -> SigningKey:
        """Return the key that signs, after making a new one where the newest is too old."""
        keys = await self._copy.get()
        if keys and self._clock() - keys[-1].created < ROTATED_AFTER:
            return keys[-1]
        keys = await rewrite_alone(self._storage, "signing keys", KEY, self._rotated)
        self._copy.forget()
        return keys[-1]

    async def find(self, key_id: str) -> SigningKey | None:
        """Return a key by its name, None when there is none."""
        found = _named(await self._copy.get(), key_id)
        if found is None and time.monotonic() - self._looked_at > _UNKNOWN_PAUSE:
            self._looked_at = time.monotonic()
            self._copy.forget()
            found = _named(await self._copy.get(), key_id)
        return found

    def recent(self, key_id: str) -> SigningKey | None:
        """Return a key by its name without waiting, None when it has to be looked for first."""
        return _named(self._copy.recent() or (), key_id)

    def _rotated(self, before: bytes | None) -> tuple[bytes | None, tuple[SigningKey, ...]]:
        keys = parse_for_change(KEY, _parse, before)
        if keys and self._clock() - keys[-1].created < ROTATED_AFTER:
            return None, keys
        new = SigningKey(secrets.token_hex(4), secrets.token_bytes(_BYTES), self._clock())
        keys = (*keys, new)[-_KEPT:]
        return _render(keys), keys


def _named(keys: tuple[SigningKey, ...], key_id: str) -> SigningKey | None:
    return next((key for key in keys if key.key_id == key_id), None)


def _parse(data: bytes | None) -> tuple[SigningKey, ...]:
    found = parse_json(data)["keys"] if data else []
    return tuple(SigningKey(each["id"], base64.b64decode(each["secret"]), each["created"]) for each in found)


def _render(keys: tuple[SigningKey, ...]) -> bytes:
    found = [
        {"id": key.key_id, "secret": base64.b64encode(key.secret).decode(), "created": key.created} for key in keys
    ]
    return json.dumps({"keys": found}).encode()
