"""The keys that sign sessions, and when each account's sessions were ended: one file beside the accounts."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

from publisher.server.auth.fresh_copy import CopyTimes, FreshCopy
from publisher.server.auth.rewriting import parse_for_change, rewrite_alone
from publisher.server.storage.base import Storage
from publisher.server.storage.json_text import parse_json

FORMAT = 1
KEY_AGE = 30 * 86400.0
"""Seconds after which a new key signs; the old one verifies for as long again."""

_FILE = "sessions/state"
_RECENT = 1.0
"""Seconds for which a copy is believed that lacks a key: another process may have made it meanwhile."""


@dataclass(frozen=True, slots=True)
class SessionKey:
    """A key with its identifier, which is not secret, and the time that it was made (seconds since 1970)."""

    id: str
    secret: bytes = field(repr=False)
    made: float


@dataclass(frozen=True, slots=True)
class SessionState:
    """The keys, the newest first, and for accounts the time that all their sessions ended."""

    keys: tuple[SessionKey, ...] = ()
    ended: Mapping[str, float] = field(default_factory=dict)

    def key(self, identifier: str) -> SessionKey | None:
        """Return the key of an identifier, None after it was replaced and no longer verifies."""
        oldest = time.time() - 2 * KEY_AGE
        return next((key for key in self.keys if key.id == identifier and key.made >= oldest), None)


class SessionKeys:
    """The state as all processes know it: a copy older than 5 s is read again, one older than 60 s is refused."""

    def __init__(self, storage: Storage, times: CopyTimes | None = None) -> None:
        self._storage = storage
        self._copy = FreshCopy(storage, _FILE, _parse, times)

    async def state(self) -> SessionState:
        """Return the state; raise AccountsUnavailableError when it can't be read."""
        return await self._copy.get()

    async def recent_state(self) -> SessionState:
        """Return the state with the keys that other processes made just now."""
        return await self._copy.get(_RECENT)

    async def signing_key(self) -> SessionKey:
        """Return the key that signs, durable; create it first if there is none or an old one."""
        state = await self.state()
        if not state.keys or time.time() - state.keys[0].made > KEY_AGE:
            state = await self._change(_with_new_key)
        return state.keys[0]

    async def end_all(self, username: str) -> None:
        """End the sessions of an account; durable when this returns."""
        await self._change(lambda state: replace(state, ended={**state.ended, username: time.time()}))

    async def _change(self, change: Callable[[SessionState], SessionState]) -> SessionState:
        def rewritten(before: bytes | None) -> tuple[bytes, SessionState]:
            state = change(parse_for_change(_FILE, _parse, before))
            return _written(state), state

        state = await rewrite_alone(self._storage, "sessions", _FILE, rewritten)
        self._copy.forget()
        return state


def _with_new_key(state: SessionState) -> SessionState:
    now = time.time()
    if state.keys and now - state.keys[0].made <= KEY_AGE:
        return state  # another process was faster
    kept = [key for key in state.keys if now - key.made <= 2 * KEY_AGE]
    ended = {user: at for user, at in state.ended.items() if now - at <= 2 * KEY_AGE}
    return SessionState((SessionKey(secrets.token_hex(4), secrets.token_bytes(32), now), *kept), ended)


def _parse(data: bytes | None) -> SessionState:
    record = parse_json(data or b"{}")
    keys = tuple(
        SessionKey(str(each["id"]), bytes.fromhex(each["secret"]), float(each["made"]))
        for each in record.get("keys", [])
    )
    return SessionState(keys, {str(user): float(at) for user, at in record.get("ended", {}).items()})


def _written(state: SessionState) -> bytes:
    keys = [{**asdict(key), "secret": key.secret.hex()} for key in state.keys]
    return json.dumps({"v": FORMAT, "keys": keys, "ended": dict(state.ended)}).encode()
