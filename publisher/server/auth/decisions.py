"""Recent decisions: an allowed request is allowed again at once, until anything it depends on changes."""

import hashlib
import os
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import NamedTuple, Protocol

from publisher.server.auth.principal import Principal
from publisher.server.siblings.news import News, NoNews

KEPT = 4096
"""Number of decisions that are kept."""

_LONGEST = 512
"""Characters of a path up to which its decision is kept."""


class Generation:
    """The state of all that decisions rest on: accounts, proofs, roles, tokens, revocations."""

    def __init__(self, news: News | None = None) -> None:
        self._news = news or NoNews()
        self._changes = 0

    @property
    def number(self) -> int:
        """Another value after every change, of this process or of one that serves the same index: both only grow."""
        return self._changes + self._news.stamp

    def advance(self) -> None:
        """Forget all decisions."""
        self._changes += 1


class Recalled(NamedTuple):
    """A principal that was proven before, and the monotonic time until which it stays so in this generation."""

    principal: Principal
    until: float


class CurrentAccounts(Protocol):
    """Facts about accounts for decisions."""

    def is_current(self) -> bool:
        """Return without waiting whether the accounts that are known are those of the file."""


class Decisions:
    """
    Principals that were allowed to use a path, by the credentials that they sent.

    Only consent is kept, under a digest of the credentials with this process's key. It ends with its time, with the
    generation, and as soon as the file of the accounts is another one.
    """

    def __init__(self, generation: Generation, accounts: CurrentAccounts) -> None:
        self._generation = generation
        self._accounts = accounts
        self._number = generation.number
        self._hash = hashlib.blake2b(key=os.urandom(32), digest_size=32)
        self._kept: dict[tuple[bytes, Hashable, str], Recalled] = {}

    def recall(self, header: bytes | None, need: Hashable, path: str) -> Principal | None:
        """Return the principal that was allowed to use a path, None where that has to be decided."""
        number = self._generation.number
        if self._number != number:
            self._kept.clear()
            self._number = number
            return None
        found = self._kept.get((self._digest(header), need, path))
        if found is None or found.until <= time.monotonic():
            return None
        if header is not None and not self._accounts.is_current():
            return None
        return found.principal

    def proof(self, header: bytes | None, need: Hashable, path: str) -> Callable[[], bool] | None:
        """Return a function that checks whether the decision kept for a path still counts; None without a decision."""
        found = self._kept.get((self._digest(header), need, path))
        if found is None or found.until <= time.monotonic():
            return None
        return partial(self._counts, self._number, found.until, None if header is None else self._accounts)

    def _counts(self, number: int, until: float, accounts: CurrentAccounts | None) -> bool:
        """Return whether a decision of generation ``number`` counts: up to a time, and only with current accounts."""
        if self._generation.number != number or until <= time.monotonic():
            return False
        return accounts is None or accounts.is_current()

    def keep(self, header: bytes | None, need: Hashable, path: str, allowed: Recalled) -> None:
        """Keep that a principal was allowed to use a path."""
        if self._number != self._generation.number or len(path) > _LONGEST:
            return
        if header is not None and not self._accounts.is_current():
            return
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[self._digest(header), need, path] = allowed

    def _digest(self, header: bytes | None) -> bytes:
        if header is None:
            return b""
        hashed = self._hash.copy()  # a third of the time of a new one with its key
        hashed.update(header)
        return hashed.digest()
