"""Authentication: credentials verified against the accounts, and remembered while the account stays as it is."""

import asyncio
import hashlib
import hmac
import os
import time
import unicodedata
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from publisher.limits import Limits
from publisher.server.auth import hashes
from publisher.server.auth.account_table import Entry
from publisher.server.auth.attempts import Attempts
from publisher.server.auth.basic import parse_basic, parse_bearer, spellings
from publisher.server.auth.decisions import Generation
from publisher.server.auth.errors import (
    AccountsUnavailableError,
    AdminTokenRefusedError,
    CredentialsRefusedError,
    NoAdminTokenError,
)
from publisher.server.auth.htpasswd import LoadedAccounts, Users
from publisher.server.settings import ServerSettings
from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageError
from publisher.server.work.looks import LookTimes
from publisher.server.work.turns import FairTurns

SETTLING_PATIENCE = 3.0
"""Seconds that a wrong password waits for a file that is being rewritten."""

KNOWN_PATIENCE = 5.0
"""Seconds that a login waits for changes of other machines, before it is verified by the known accounts."""


@dataclass(slots=True)
class _Proof:
    """A verified pair: the user, the entry that it matched, and its expiry."""

    username: str
    entry: Entry
    until: float


class _Hashing:
    """Threads that hash passwords, and the queue for them."""

    def __init__(self, threads: int, limits: Limits) -> None:
        self.threads = ThreadPoolExecutor(threads, "passwords")
        self.turns = FairTurns("logins", running=threads, waiting=limits.waiting_logins, patience=limits.login_patience)


class Authenticator:
    """
    Verifies Basic credentials against the accounts, without blocking the event loop.

    A verified pair is remembered for a while as a digest with this process's key, as long as the account's entry stays
    the same. Attempts that are not remembered are made one at a time for each user and address.
    """

    def __init__(self, settings: ServerSettings, storage: Storage, generation: Generation | None = None) -> None:
        self._settings = settings
        self._generation = generation or Generation()
        self._storage = storage
        self.users: Users | None = None
        if settings.htpasswd is not None:
            plain, shared = settings.allow_plaintext, storage.shared
            self.users = Users(settings.htpasswd, allow_plaintext=plain, starts_without=shared)
        self._key = os.urandom(32)
        self._proofs: OrderedDict[bytes, _Proof] = OrderedDict()
        self._accounts: LoadedAccounts | None = None
        self._version: str | None = None
        self._look_times = LookTimes()
        self._next_look = 0.0
        self._stamp = storage.news.stamp
        limits = self._limits = settings.limits
        self._attempts = Attempts(limits, siblings=settings.siblings)
        self._running: dict[tuple[bytes, str], asyncio.Task[str]] = {}
        self._hashing = _Hashing(limits.login_threads, limits)
        self._hashing_proven = _Hashing(1, limits)
        """For pairs that were right before, so that they never wait for those that guess."""

    def close(self) -> None:
        """End the threads."""
        self._hashing.threads.shutdown(wait=False, cancel_futures=True)
        self._hashing_proven.threads.shutdown(wait=False, cancel_futures=True)

    def recall(self, header: bytes) -> str | None:
        """Return the user of credentials that are remembered and by the file still right; without waiting."""
        return self._proven(self._digest(header)) if self.is_current() else None

    def remembered_until(self) -> float:
        """Return the monotonic time until which credentials that were recalled now stay remembered."""
        return time.monotonic() + self._limits.remembered_for

    def knows_now(self, username: str) -> bool:
        """Return without waiting whether an account is known, and not locked."""
        return self.is_current() and self._accounts is not None and self._accounts.table.is_active(username)

    async def knows(self, username: str) -> bool:
        """Return whether there is an account; raise AccountsUnavailableError when the accounts can't be read."""
        if self.users is None:
            return False
        if not self._storage.is_recent():
            with suppress(StorageError, TimeoutError):
                async with asyncio.timeout(KNOWN_PATIENCE):
                    await self._storage.refresh()
        accounts = await self._bring_in()
        self._version = accounts.version
        return accounts.table.is_active(username) or await self._is_active_once_settled(username)

    async def is_service(self, username: str) -> bool:
        """Return whether there is a service account of a name."""
        known = await self.knows(username)
        return known and self._accounts is not None and username in self._accounts.table.services

    async def _is_active_once_settled(self, username: str) -> bool:
        """Return whether there is an account, once no one is writing the file any more."""
        await self._settled()
        return self._accounts is not None and self._accounts.table.is_active(username)

    def is_current(self) -> bool:
        """Return without waiting whether the accounts that are known are those of the file."""
        if self.users is None or not self._storage.is_recent():
            return False
        now, stamp = time.monotonic(), self._storage.news.stamp
        if now >= self._next_look or stamp != self._stamp:
            self._stamp = stamp
            with suppress(StorageError):  # known values stay in use while the storage does not answer
                self._version = self._storage.known_version(self.users.key)
            self._next_look = self._look_times.next(now)
        return self._accounts is not None and self._accounts.version == self._version

    async def authenticate(self, header: bytes, address: str) -> str:
        """
        Return the user of Basic credentials, verified now where they are not remembered.

        Raises CredentialsRefusedError for missing or wrong ones, AccountsUnavailableError when the accounts can't be
        read, BusyError when too many others are being verified.
        """
        username, password = parse_basic(header)
        if self.users is None or not password:  # pip and uv ask with an empty password first: that is no attempt
            raise CredentialsRefusedError("The user name or the password is wrong.")
        digest = self._digest(header)
        if not self._storage.is_recent():
            with suppress(StorageError, TimeoutError):  # a known account goes on while others' changes can't be seen
                async with asyncio.timeout(KNOWN_PATIENCE):
                    await self._storage.refresh()
        accounts = await self._bring_in()
        self._version = accounts.version
        proven = self._proven(digest)
        if proven is not None:
            return proven
        task = self._running.get((digest, address))
        if task is None:  # the same pair from many connections at a time is verified once
            task = asyncio.create_task(self._attempt(digest, username, password, address))
            self._running[digest, address] = task
            task.add_done_callback(lambda ended: self._end(digest, address, ended))
        return await asyncio.shield(task)

    async def entry_text(self, username: str) -> str | None:
        """
        Return an account's entry in the file, which changes with its password; None for an unknown or locked one.

        Raises AccountsUnavailableError when the accounts can't be read.
        """
        if self.users is None:
            return None
        entry = (await self._load()).table.entry(username)
        return entry.text if entry is not None else None

    def _end(self, digest: bytes, address: str, task: asyncio.Task[str]) -> None:
        del self._running[digest, address]
        if not task.cancelled():
            task.exception()  # the client may be gone; then this is the only look at it

    def forget_accounts(self) -> None:
        """Have the accounts read again at the next use, even if their file looks unchanged."""
        self._next_look = 0.0
        if self.users is not None:
            self.users.forget()

    async def require_accounts(self) -> None:
        """Return when the accounts can be read; raise AccountsUnavailableError otherwise."""
        if self.users is not None:
            self._version = (await self._bring_in()).version

    async def require_admin(self, header: bytes | None, address: str) -> None:
        """Return when a header bears the admin token; raise an AuthError or BusyError otherwise."""
        if not self._settings.admin_token:
            raise NoAdminTokenError
        token = parse_bearer(header or b"")
        if token is None:
            raise AdminTokenRefusedError("The admin token is missing: send 'Authorization: Bearer TOKEN'.")
        if hmac.compare_digest(token, self._settings.admin_token.reveal().encode()):
            return
        lane = ("", address)
        async with self._attempts.one_at_a_time(lane):
            await asyncio.sleep(self._attempts.failed(lane))
        raise AdminTokenRefusedError("The admin token is wrong.")

    async def _attempt(self, digest: bytes, username: str, password: str, address: str) -> str:
        """Verify a pair in its lane; one that was proven before does not wait for those that guess."""
        if digest in self._proofs:
            name = await self._verify(digest, username, password, address)
            if name is not None:
                return name
            self._proofs.pop(digest, None)
            self._generation.advance()
        lane = (unicodedata.normalize("NFC", username), address)
        async with self._attempts.one_at_a_time(lane):
            name = await self._verify_everywhere(digest, username, password, address)
            if name is not None:
                self._attempts.succeeded(lane)
                return name
            await asyncio.sleep(self._attempts.failed(lane))
        raise CredentialsRefusedError("The user name or the password is wrong.")

    async def _verify_everywhere(self, digest: bytes, username: str, password: str, address: str) -> str | None:
        """Verify a pair, again when the file was being rewritten or another machine has changed it."""
        name = await self._verify(digest, username, password, address)
        if name is not None:
            return name
        if await self._settled():
            return await self._verify(digest, username, password, address)
        generation = self._storage.generation
        await self._storage.refresh()  # a password that another machine has set just now is not wrong
        if generation == self._storage.generation:
            return None
        return await self._verify(digest, username, password, address)

    async def _verify(self, digest: bytes, username: str, password: str, address: str) -> str | None:
        """
        Verify a pair by the accounts as they are, with a turn and a thread; remember it where it is right.

        Return the account's name as the file spells it, None for a wrong pair.
        """
        accounts = await self._bring_in()
        known = accounts.table.entry(username)
        entry = known or accounts.table.stand_in(username)

        def check() -> bool:
            right = False
            for each in spellings(password):  # all of them: the work must not depend on the account
                right |= hashes.verify(entry.text, entry.scheme, each)
            return right

        hashing = self._hashing_proven if digest in self._proofs else self._hashing
        async with hashing.turns.turn(address):
            right = await asyncio.get_running_loop().run_in_executor(hashing.threads, check)
        if not right or known is None:
            return None
        name = accounts.table.name(username)
        self._proofs.pop(digest, None)
        self._proofs[digest] = _Proof(name, entry, self.remembered_until())
        self._generation.advance()
        while len(self._proofs) > self._limits.remembered_pairs:
            self._proofs.popitem(last=False)
        return name

    async def _settled(self) -> bool:
        """
        Wait until the accounts file stops changing, and return whether it was changing.

        Raises AccountsUnavailableError if it stays doubtful: a mismatch doesn't prove a wrong password then.
        """
        waited = False
        deadline = time.monotonic() + SETTLING_PATIENCE
        while True:
            accounts = await self._bring_in()
            rest = accounts.settled_at - time.time()
            if rest <= 0 and accounts.doubtful is None:
                return waited
            if time.monotonic() > deadline:
                raise AccountsUnavailableError
            waited = True
            await asyncio.sleep(min(max(rest, 0.05), 0.3))

    async def _bring_in(self) -> LoadedAccounts:
        """Take over the accounts as the file has them."""
        accounts = await self._load()
        if accounts is not self._accounts:
            self._accounts = accounts
            self._generation.advance()
        return accounts

    async def _load(self) -> LoadedAccounts:
        assert self.users is not None  # noqa: S101 - for the type checker: `authenticate` has looked
        async with self._storage.reading() as files:
            return await asyncio.get_running_loop().run_in_executor(None, self.users.load, files)

    def _proven(self, digest: bytes) -> str | None:
        proof = self._proofs.get(digest)
        if proof is None or self._accounts is None or proof.until <= time.monotonic():
            return None
        entry = self._accounts.table.entries.get(proof.username) or self._accounts.table.entry(proof.username)
        if entry is not proof.entry and entry != proof.entry:
            return None
        proof.until = self.remembered_until()
        self._proofs.move_to_end(digest)
        return proof.username

    def _digest(self, header: bytes) -> bytes:
        return hashlib.blake2b(header, key=self._key, digest_size=32).digest()
