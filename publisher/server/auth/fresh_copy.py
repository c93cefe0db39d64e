"""A copy of a small file in a storage: read again when it is old, and never relied upon when it is too old."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.storage.base import Files, Storage
from publisher.server.storage.coalesce import Coalesced
from publisher.server.storage.errors import AbsentError, StorageError

_Parsed = TypeVar("_Parsed")
_log = logging.getLogger(__name__)

MALFORMED = (ValueError, KeyError, TypeError, AttributeError)
"""Errors of parsing a record that is not valid JSON or lacks expected fields."""


class CopyTimes(NamedTuple):
    """Seconds until a copy is read again, seconds until it must not be used any more, and the timeout of a read."""

    fresh: float = 5.0
    usable: float = 60.0
    patience: float = 10.0


class FreshCopy(Generic[_Parsed]):
    """
    The parsed contents of one file; ``parse`` gets None if the file does not exist.

    Simultaneous callers share one read. If a read fails, the last copy stays in use until it is too old.
    ``on_change`` is called when the contents have changed or may have changed.
    """

    def __init__(
        self,
        storage: Storage,
        key: str,
        parse: Callable[[bytes | None], _Parsed],
        times: CopyTimes | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage = storage
        self._key = key
        self._parse = parse
        self._times = times or CopyTimes()
        self._on_change = on_change
        self._read = Coalesced(self._bring_in)
        self._known: tuple[_Parsed, bytes | None] | None = None
        self._at = float("-inf")
        self._stamp = storage.news.stamp

    def recent(self) -> _Parsed | None:
        """Return the contents without waiting; None when they have to be read again first."""
        if self._known is None or self._is_old(self._times.fresh):
            return None
        return self._known[0]

    @property
    def fresh_until(self) -> float:
        """The monotonic time until which `recent` returns what it returns now, without news of a change."""
        return self._at + self._times.fresh

    async def get(self, fresh: float | None = None) -> _Parsed:
        """
        Return the contents, read again where they are older than ``fresh`` seconds.

        Raises AccountsUnavailableError when they could not be read for too long.
        """
        if self._known is None or self._is_old(self._times.fresh if fresh is None else fresh):
            try:
                async with asyncio.timeout(self._times.patience):
                    await self._read()
            except (StorageError, TimeoutError, OSError, *MALFORMED) as error:
                _log.warning("%s can't be read: %s", self._key, error)
        if self._known is None or time.monotonic() - self._at > self._times.usable:
            raise AccountsUnavailableError
        return self._known[0]

    def forget(self) -> None:
        """Have the file read again at the next use, after a change of one's own."""
        self._at = min(self._at, time.monotonic() - self._times.fresh - 0.001)
        self._on_change()

    def _is_old(self, fresh: float) -> bool:
        """Return whether the copy is older than so many seconds, or than a change of another process of this index."""
        return self._stamp != self._storage.news.stamp or time.monotonic() - self._at > fresh

    async def _bring_in(self) -> None:
        began, stamp = time.monotonic(), self._storage.news.stamp
        await self._storage.refresh()
        async with self._storage.reading() as files:
            data = await asyncio.to_thread(_contents, files, self._key)
        if self._known is None or self._known[1] != data:
            self._known = self._parse(data), data
            self._on_change()
        self._at, self._stamp = began, stamp


def copy_times(storage: Storage) -> CopyTimes:
    """Return the times of a copy; on a shared storage, it is read again as often as the index's pages."""
    return CopyTimes(fresh=storage.oldest_page) if storage.shared else CopyTimes()


def _contents(files: Files, key: str) -> bytes | None:
    try:
        return files.read(key)
    except AbsentError:
        return None
