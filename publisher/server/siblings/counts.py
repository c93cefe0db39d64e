"""Failed attempts by lane: in memory, or in a file that all processes of an index share."""

import hashlib
import os
import struct
from collections.abc import Callable
from typing import Protocol

from publisher.server.siblings.files import SiblingFiles
from publisher.server.siblings.locks import release, try_hold

Lane = tuple[str, str]
"""A user and an address, or an address alone for admin tokens."""

SLOTS = 2**16
"""Places for lanes in a shared file; two that meet in one slow each other down, and the key keeps that a chance."""

_RECORD = struct.Struct("=qd")


class FailureCounts(Protocol):
    """The number of recent failures of a lane, and its turn among processes."""

    def get(self, lane: Lane) -> int:
        """Return the failures that count."""

    def set(self, lane: Lane, failures: int) -> None:
        """Note failures as of now."""

    def try_hold(self, lane: Lane) -> bool:
        """Take the lane's turn, to be given back with `release`; return False where another process has it."""

    def release(self, lane: Lane) -> None:
        """Give the turn back."""


class SharedFailureCounts:
    """Counts in slots of a file; the turns of a process that was killed are free again."""

    def __init__(self, siblings: SiblingFiles, forgiven_after: float, now: Callable[[], float]) -> None:
        self._siblings = siblings
        self._forgiven_after = forgiven_after
        self._now = now

    def get(self, lane: Lane) -> int:
        """Return the failures that count."""
        data = os.pread(self._siblings.failed_logins, _RECORD.size, self._place(lane))
        if len(data) < _RECORD.size:
            return 0
        failures, last = _RECORD.unpack(data)
        return int(failures) if self._now() - last <= self._forgiven_after else 0

    def set(self, lane: Lane, failures: int) -> None:
        """Note failures as of now."""
        os.pwrite(self._siblings.failed_logins, _RECORD.pack(failures, self._now()), self._place(lane))

    def try_hold(self, lane: Lane) -> bool:
        """Take the lane's turn."""
        return try_hold(self._siblings.failed_logins, self._place(lane))

    def release(self, lane: Lane) -> None:
        """Give the turn back."""
        release(self._siblings.failed_logins, self._place(lane))

    def _place(self, lane: Lane) -> int:
        digest = hashlib.blake2b(
            "\n".join(lane).encode("utf-8", "surrogatepass"), key=self._siblings.key, digest_size=8
        )
        return int.from_bytes(digest.digest(), "big") % SLOTS * _RECORD.size
