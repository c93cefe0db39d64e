"""Who sends a request, and whether that user may do what it asks."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from publisher.server.auth.htpasswd import Stamp, Users
from publisher.server.http.messages import Headers, HttpError, Request
from publisher.server.settings import Right, ServerSettings
from publisher.server.storage.sync import VolumeSync

REMEMBERED_FOR = 300.0
"""Seconds that a verified password is remembered."""

REMEMBERED_PAIRS = 4096
"""How many verified passwords are remembered at a time."""

LOOK_SHARE = 20
"""Looking whether the file changed may take one part in this many of the time: microseconds between two looks."""

FIRST_DELAY, LONGEST_DELAY = 0.1, 3.0
"""Seconds that the first and the worst failed attempts of a user from an address are answered late."""

FORGIVEN_AFTER = 300.0
"""Seconds after which failed attempts are forgotten."""

CHALLENGE: Headers = [(b"www-authenticate", b'Basic realm="pypi", charset="UTF-8"')]


class Authenticator:
    """
    Verifies Basic credentials (RFC 7617) against the accounts, without blocking the event loop.

    A verified pair is remembered for a while as a digest with this process's key, and forgotten when the file changes.
    """

    def __init__(self, settings: ServerSettings, sync: VolumeSync) -> None:
        self._settings = settings
        self._sync = sync
        self.users = Users(settings.htpasswd) if settings.htpasswd else None
        self._key = os.urandom(32)
        self._remembered: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._stamp: Stamp | None = None
        self._next_look = 0.0
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._hashing = ThreadPoolExecutor(2, "passwords")

    def close(self) -> None:
        """End the threads."""
        self._hashing.shutdown(wait=False, cancel_futures=True)

    async def require(self, request: Request, right: Right) -> None:
        """
        Return when the request may do what the right is for; set its user name where it has credentials.

        Raises HttpError 401 when credentials are missing or wrong.
        """
        header = request.headers.get(b"authorization")
        if right not in self._settings.authenticate:
            if header is not None:
                request.username = self._recall(header)
            return
        await self.require_user(request)

    def remembers(self, request: Request, right: Right) -> bool:
        """Tell, without waiting for anything, whether the request may do what the right is for."""
        if right not in self._settings.authenticate:
            return True
        header = request.headers.get(b"authorization")
        request.username = self._recall(header) if header is not None else None
        return request.username is not None

    async def require_user(self, request: Request) -> str:
        """Return the name of the request's user; raise HttpError 401 when credentials are missing or wrong."""
        header = request.headers.get(b"authorization")
        if header is None:
            raise HttpError(401, "This index needs a user name and a password.", CHALLENGE)
        username = self._recall(header)
        if username is None:
            username, password = _parse(header)
            stamp = self._stamp
            await self._verify(request.client, username, password)
            if stamp == self._stamp:  # else the file changed meanwhile, and what was proven may be wrong by now
                self._remember(header, username)
        request.username = username
        return username

    def rights(self, username: str) -> list[Right]:  # noqa: ARG002 - every account has every right, as in pypiserver
        """Return what a user may do."""
        return list(Right)

    def knows(self, username: str, password: str) -> bool:
        """Tell whether a pair was verified a moment ago; for pypiserver's own check behind this one."""
        header = b"Basic " + base64.b64encode(f"{username}:{password}".encode())
        return self._recall(header) == username

    async def verify(self, username: str, password: str) -> bool:
        """Tell whether a password is the user's, in a thread."""
        if self.users is None or not username or not password:
            return False
        loop = asyncio.get_running_loop()
        async with self._sync.reading():
            return await loop.run_in_executor(self._hashing, self.users.verify, username, password)

    async def _verify(self, client: str, username: str, password: str) -> None:
        if await self.verify(username, password):
            self._failures.pop((username, client), None)
            return
        if password:  # pip and uv ask with an empty password first: that is no attempt
            if await self._sync.on_miss() and await self.verify(username, password):
                return
            await asyncio.sleep(self._delay(username, client))
        raise HttpError(401, "The user name or the password is wrong.", CHALLENGE)

    def _delay(self, username: str, client: str) -> float:
        """Count a failed attempt and return how many seconds late it is answered."""
        now = time.monotonic()
        count, since = self._failures.pop((username, client), (0, now))
        if now - since > FORGIVEN_AFTER:
            count = 0
        self._failures[username, client] = (count + 1, now)
        while len(self._failures) > REMEMBERED_PAIRS:
            self._failures.popitem(last=False)
        return float(min(FIRST_DELAY * 2 ** min(count, 10), LONGEST_DELAY))

    def _digest(self, header: bytes) -> bytes:
        return hashlib.blake2b(header, key=self._key, digest_size=32).digest()

    def _recall(self, header: bytes) -> str | None:
        now = time.monotonic()
        if now >= self._next_look and self.users is not None and not self._sync.reloading:
            stamp = self.users.stamp()
            if stamp != self._stamp:
                self._remembered.clear()
                self._stamp = stamp
            self._next_look = now + LOOK_SHARE * (time.monotonic() - now)
        found = self._remembered.get(self._digest(header))
        return found[0] if found is not None and found[1] > now else None

    def _remember(self, header: bytes, username: str) -> None:
        self._remembered[self._digest(header)] = (username, time.monotonic() + REMEMBERED_FOR)
        while len(self._remembered) > REMEMBERED_PAIRS:
            self._remembered.popitem(last=False)


def require_admin(request: Request, settings: ServerSettings) -> None:
    """Return when a request bears the administrator's token; raise HttpError 401 or 403 otherwise."""
    scheme, _, token = request.header(b"authorization").partition(" ")
    challenge: Headers = [(b"www-authenticate", b'Bearer realm="pypi"')]
    if not settings.admin_token:
        raise HttpError(403, "This index has no administrator's token (AUTH_TOKEN): accounts can't be changed here.")
    if scheme.lower() != "bearer" or not token:
        raise HttpError(401, "The administrator's token is missing: send 'Authorization: Bearer TOKEN'.", challenge)
    if not hmac.compare_digest(token.strip().encode("latin-1"), settings.admin_token.reveal().encode()):
        raise HttpError(401, "The administrator's token is wrong.", challenge)


def _parse(header: bytes) -> tuple[str, str]:
    scheme, _, encoded = header.partition(b" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        text = b""
    if scheme.lower() != b"basic" or b":" not in text:
        raise HttpError(401, "The Authorization header has no Basic credentials.", CHALLENGE)
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")  # what clients sent before RFC 7617
    username, _, password = decoded.partition(":")
    return username, password
