"""Sessions: a signed account and sign-in time; a session ends with the password, the account, or on request."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, replace

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.errors import CredentialsRefusedError
from publisher.server.auth.principal import Principal
from publisher.server.auth.sessions.keys import SessionKey, SessionKeys
from publisher.server.storage.base import Storage

IDLE = 7 * 86400.0
"""Seconds after which a session ends that is not used."""

LONGEST = 30 * 86400.0
"""Seconds after which every session ends."""

RENEWED_AFTER = 3600.0
"""Seconds after which a session that is used gets a new signature."""

_SIZE = 1024
"""Characters that a cookie may have."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session: its account, a number that stays the same in all its cookies, and times in seconds since 1970."""

    username: str
    id: str
    began: float
    signed: float
    key: str

    @property
    def is_due(self) -> bool:
        """Whether the cookie should be replaced."""
        return time.time() - self.signed > RENEWED_AFTER


class Sessions:
    """
    Begins, recalls and ends sessions.

    A signature covers the account's entry in the htpasswd file, so that a session ends with the password it began with.
    """

    def __init__(self, storage: Storage, authenticator: Authenticator, access: AccessControl) -> None:
        self._keys = SessionKeys(storage)
        self._authenticator = authenticator
        self._access = access

    @property
    def is_possible(self) -> bool:
        """Whether this index has accounts."""
        return self._authenticator.users is not None

    async def sign_in(self, username: str, password: str, address: str) -> str:
        """
        Begin a session and return its cookie.

        Raises CredentialsRefusedError for a wrong password, BusyError when too many are being verified.
        """
        entry = await self._entry(username)  # before the password is verified, in case it is changed meanwhile
        name = await self.verify(username, password, address)
        now = time.time()
        return await self._signed(Session(name, secrets.token_urlsafe(12), now, now, ""), entry)

    async def verify(self, username: str, password: str, address: str) -> str:
        """Return the account's name where a password is right; raise CredentialsRefusedError otherwise."""
        if ":" in username:
            raise CredentialsRefusedError("The user name or the password is wrong.")
        pair = base64.b64encode(f"{username}:{password}".encode())
        return await self._authenticator.authenticate(b"Basic " + pair, address)

    async def recall(self, cookie: str) -> Session | None:
        """Return the session of a cookie, None for one that has ended or was never signed here."""
        found = await self._verified(cookie)
        return found[0] if found is not None else None

    async def principal(self, session: Session) -> Principal:
        """Return the rights of a session's account."""
        await self._access.bring_up_to_date()
        return self._access.principal(session.username)

    async def renew(self, cookie: str) -> str | None:
        """Return a new cookie for the session of one, None for a session that has ended meanwhile."""
        found = await self._verified(cookie)
        return await self._signed(*found) if found is not None else None

    async def go_on(self, session: Session) -> str:
        """Return a new cookie for a session whose password its own account has just changed."""
        return await self._signed(session, await self._entry(session.username))

    async def end_all(self, username: str) -> None:
        """End all sessions of an account."""
        await self._keys.end_all(username)

    async def form_token(self, of: str) -> str:
        """Return the token that proves a form to be ours: for a session's number, or a number of its own."""
        key = await self._keys.signing_key()
        return _mac(key, f"form {of}")

    async def is_form_token(self, token: str, of: str) -> bool:
        """Return whether a form is ours."""
        for state in (self._keys.state, self._keys.recent_state):
            if any(_equal(_mac(key, f"form {of}"), token) for key in (await state()).keys):
                return True
        return False

    async def _verified(self, cookie: str) -> tuple[Session, str] | None:
        """Return the session of a cookie while it lasts, and the account's entry that its signature covers."""
        payload, _, signature = cookie.partition(".")
        session = _parse(payload) if len(cookie) <= _SIZE and self.is_possible else None
        if session is None:
            return None
        state = await self._keys.state()
        if state.key(session.key) is None:
            state = await self._keys.recent_state()
        key, entry = state.key(session.key), await self._entry(session.username)
        if key is None or not entry or not _equal(_sign(key, payload, entry), signature):
            return None
        now = time.time()
        if now - session.signed > IDLE or now - session.began > LONGEST:
            return None
        return (session, entry) if session.began > state.ended.get(session.username, 0.0) else None

    async def _entry(self, username: str) -> str:
        return await self._authenticator.entry_text(username) or ""

    async def _signed(self, session: Session, entry: str) -> str:
        key = await self._keys.signing_key()
        signed = replace(session, signed=time.time(), key=key.id)
        payload = _encode(json.dumps([signed.username, signed.id, signed.began, signed.signed, signed.key]).encode())
        return f"{payload}.{_sign(key, payload, entry)}"


def _parse(payload: str) -> Session | None:
    try:
        username, number, began, signed, key = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Session(str(username), str(number), float(began), float(signed), str(key))
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError):
        return None


def _sign(key: SessionKey, payload: str, entry: str) -> str:
    return _mac(key, f"session {payload}\n{entry}")


def _mac(key: SessionKey, text: str) -> str:
    return _encode(hmac.digest(key.secret, text.encode("utf-8", "surrogateescape"), hashlib.sha256))


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
