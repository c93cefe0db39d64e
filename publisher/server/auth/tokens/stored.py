"""Verifying stored tokens, and recording by the day when each was used."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.decisions import Generation, Recalled
from publisher.server.auth.errors import CredentialsRefusedError
from publisher.server.auth.fresh_copy import CopyTimes, FreshCopy
from publisher.server.auth.principal import Principal, PrincipalKind
from publisher.server.auth.tokens.format import PREFIX, identifier_of
from publisher.server.auth.tokens.records import KEY, TokenRecord, parse_records
from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageError
from publisher.server.storage.json_text import parse_json

USED = "tokens.used"
"""The log of the days on which tokens were used."""

_UNKNOWN_AGAIN = 1.0
"""Seconds within which the file is not read again for tokens that it does not have."""


class ActiveAccounts(Protocol):
    """Facts about accounts for tokens."""

    def knows_now(self, username: str) -> bool:
        """Return without waiting whether an account is known, and not locked."""

    async def knows(self, username: str) -> bool:
        """Return whether there is an account."""


class StoredTokens:
    """The verifier of tokens that accounts created; a revoked one is refused everywhere within 5 s."""

    prefix = PREFIX

    def __init__(
        self,
        storage: Storage,
        access: AccessControl,
        accounts: ActiveAccounts,
        times: CopyTimes | None = None,
        generation: Generation | None = None,
    ) -> None:
        self._storage = storage
        self._access = access
        self._accounts = accounts
        self.copy: FreshCopy[Mapping[str, TokenRecord]] = FreshCopy(
            storage, KEY, parse_records, times, (generation or Generation()).advance
        )
        self._proven: dict[str, tuple[TokenRecord, Principal]] = {}
        self._used: dict[str, int] = {}
        """The day on which the use of each token was recorded last."""
        self._recording: set[asyncio.Task[None]] = set()

    def recall(self, token: str) -> Recalled | None:
        """Return the principal of a token that was verified before, without waiting."""
        records, proven = self.copy.recent(), self._proven.get(token)
        if records is None or proven is None:
            return None
        record, principal = proven
        if records.get(record.identifier) is not record and records.get(record.identifier) != record:
            return None
        if record.is_expired or not self._accounts.knows_now(record.owner):
            return None
        if principal.within is not self._access.principal(record.owner):
            principal = self._prove(token, record)
        self._note_use(record)
        return Recalled(principal, min(self.copy.fresh_until, record.ends_at))

    async def verify(self, token: str) -> Principal:
        """Return the principal of a token; raise CredentialsRefusedError for one that is unknown, expired or ended."""
        identifier = identifier_of(token)
        if identifier is None:
            raise CredentialsRefusedError("This is not a token of this index: it is incomplete, or was changed.")
        record = (await self.copy.get()).get(identifier)
        if record is None:  # another process may just have made it
            record = (await self.copy.get(_UNKNOWN_AGAIN)).get(identifier)
        digest = hashlib.sha256(token.encode()).hexdigest()
        if record is None or not hmac.compare_digest(record.digest, digest):
            raise CredentialsRefusedError("The token is unknown or was revoked.")
        if record.is_expired:
            raise CredentialsRefusedError(f"The token {record.name!r} of {record.owner} has expired.")
        if not await self._accounts.knows(record.owner):
            raise CredentialsRefusedError("The account of the token is gone.")
        await self._access.bring_up_to_date()
        principal = self._prove(token, record)
        self._note_use(record)
        return principal

    async def last_used(self) -> Mapping[str, str]:
        """Return the day on which each token was used last, as far as that is recorded."""
        found: dict[str, str] = {}
        async with self._storage.reading() as files:
            lines = await asyncio.to_thread(files.lines, USED)
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):
                record = parse_json(line)
                found[record["id"]] = max(found.get(record["id"], ""), str(record["day"]))
        return found

    async def stop(self) -> None:
        """Finish recording."""
        await asyncio.gather(*self._recording, return_exceptions=True)

    def _prove(self, token: str, record: TokenRecord) -> Principal:
        owner = self._access.principal(record.owner)
        principal = Principal(
            record.owner,
            PrincipalKind.TOKEN,
            record.grants,
            account=record.owner,
            token=record.name,
            within=owner,
        )
        if len(self._proven) >= 10_000:
            self._proven.clear()
        self._proven[token] = record, principal
        return principal

    def _note_use(self, record: TokenRecord) -> None:
        """Record a token's use in the background, once a day in each process."""
        today = int(time.time() // 86400)
        if self._used.get(record.identifier) == today:
            return
        self._used[record.identifier] = today
        task = asyncio.get_running_loop().create_task(self._record_use(record.identifier))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def _record_use(self, identifier: str) -> None:
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        line = json.dumps({"id": identifier, "day": day}).encode() + b"\n"
        with suppress(StorageError, TimeoutError):  # it only informs
            async with self._storage.writing() as files:
                await asyncio.to_thread(files.append, USED, line)
