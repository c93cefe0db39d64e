"""Notices of changes: each container has an entry in a dictionary that all of them share."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

LONGEST_COMMIT = 180.0
"""Seconds after which a commit that was begun has succeeded or failed: waiting for readers, and the commit itself."""

PENDING, SETTLED = "pending", "settled"

Notice = tuple[str, str]
"""Pending or settled, and a random text."""


class SharedDict(Protocol):
    """A dictionary that all containers share; every method may raise any exception."""

    async def get(self, key: str) -> Any:
        """Return the value of a key, None without one."""

    async def put(self, key: str, value: Any) -> None:
        """Set the value of a key."""

    async def create(self, key: str, value: Any) -> bool:
        """Set the value of a key that has none; return whether it had none, True for exactly one of several callers."""
        ...

    async def items(self, prefix: str) -> dict[str, Any]:
        """Return all entries whose keys begin with a prefix."""
        ...


class Notices:
    """
    Announces this container's changes, and knows whether those of others have to be brought in.

    An entry is *pending* from before a change until after its commit, and *settled* then, each with a new random text.
    A writer that is killed in between leaves a pending entry: it is followed by a reload at each look, until it was
    unchanged for as long as a commit may take and one more reload has succeeded.
    """

    def __init__(self, entries: SharedDict, name: str, longest_commit: float = LONGEST_COMMIT) -> None:
        self._entries = entries
        self._prefix = f"changes/{name}/"
        self._mine = self._prefix + uuid.uuid4().hex
        self._longest_commit = longest_commit
        self._writers = 0
        self._announcing = asyncio.Lock()
        self._seen: Mapping[str, Notice] = {}
        self._pending_since: dict[tuple[str, str], float] = {}
        self._given_up: set[tuple[str, str]] = set()

    async def begin(self) -> None:
        """Announce a change that is about to be made."""
        self._writers += 1
        try:
            await self._announce()
        except BaseException:
            self._writers -= 1
            raise

    async def end(self) -> None:
        """Announce that a change was committed."""
        self._writers -= 1
        await self._announce()

    async def look(self) -> "Look":
        """Return the announcements of others."""
        found = await self._entries.items(self._prefix)
        now = time.monotonic()
        others = {key: (str(state), str(text)) for key, (state, text) in found.items() if key != self._mine}
        pending = {(key, text) for key, (state, text) in others.items() if state == PENDING}
        self._pending_since = {each: self._pending_since.get(each, now) for each in pending}
        self._given_up &= pending
        return Look(others, reload=others != self._seen or bool(pending - self._given_up), at=now)

    def brought_in(self, look: "Look") -> None:
        """Note that a reload which began after a look has succeeded."""
        self._seen = look.notices
        for each, since in self._pending_since.items():
            if look.at - since > self._longest_commit:
                self._given_up.add(each)

    async def _announce(self) -> None:
        async with self._announcing:
            await self._entries.put(self._mine, (PENDING if self._writers else SETTLED, uuid.uuid4().hex))


class Look:
    """The notices at one time, and whether a reload is needed because of them."""

    def __init__(self, notices: Mapping[str, Notice], *, reload: bool, at: float) -> None:
        self.notices = notices
        self.reload = reload
        self.at = at
