"""News among the processes that serve one index together, in memory that all of them share."""

import mmap
import os
import struct
import threading
import time
from typing import Protocol

from publisher.server.siblings.locks import held

RING = 2**20
"""Bytes of messages kept; a process that has missed more re-reads everything."""

_HEAD = 16
"""Bytes of two numbers: the stamp, and how many bytes all messages have had."""

_ENTRY = struct.Struct("=I8s")
"""The length of a message, and its sender."""

NEWS_SIZE = _HEAD + RING


class NewsReader(Protocol):
    """One listener's place in the news."""

    def hear(self) -> list[bytes] | None:
        """Return the messages of other processes since the last call; None when some are lost."""


class News(Protocol):
    """Messages between the processes that serve one index."""

    has_listeners: bool
    """Whether there are other processes, which a message is worth writing for."""

    @property
    def stamp(self) -> int:
        """A number that is another one after every change of another process; reading it takes no system call."""

    def tell(self, message: bytes = b"") -> None:
        """Notify the others of a change, before it is acknowledged."""

    def reader(self) -> NewsReader:
        """Return a place in the news as of now."""


class NoNews:
    """The news of a process that serves alone, or over a storage with notices of its own."""

    has_listeners = False
    stamp = 0

    def tell(self, message: bytes = b"") -> None:
        """Do nothing."""

    def reader(self) -> "NoNews":
        """Return one that receives nothing."""
        return self

    def hear(self) -> list[bytes] | None:
        """Return nothing."""
        return []


class SiblingNews:
    """
    A ring of messages in a file that processes inherit, under a lock that ends with its process.

    A message that fits nowhere counts as lost, so that everybody looks at everything.
    """

    has_listeners = True

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._memory = mmap.mmap(descriptor, NEWS_SIZE)
        self._head = memoryview(self._memory)[:_HEAD].cast("Q")  # each number is read and written in one step
        self._turn = threading.Lock()
        self._me = os.urandom(8)

    @property
    def stamp(self) -> int:
        """A number that is another one after every change, this process's included."""
        return self._head[0]

    def tell(self, message: bytes = b"") -> None:
        """Notify the others of a change."""
        if len(message) > RING // 4:
            message = b""
            lost = RING
        else:
            lost = 0
        entry = _ENTRY.pack(len(message), self._me) + message
        with self._turn, held(self._descriptor):
            end = self._head[1]
            self._write(end + lost, entry)
            self._head[1] = end + lost + len(entry)
            self._head[0] = time.monotonic_ns()

    def reader(self) -> "SiblingNewsReader":
        """Return a place in the news as of now."""
        return SiblingNewsReader(self)

    def since(self, place: int | None) -> tuple[list[bytes] | None, int]:
        """Return the messages of others since a place, None when some are lost, and the place after them."""
        with self._turn, held(self._descriptor):
            end = self._head[1]
            if place is None or place == end:
                return [], end
            if end - place > RING:
                return None, end
            data = self._read(place, end - place)
        found, at = [], 0
        while at < len(data):
            length, sender = _ENTRY.unpack_from(data, at)
            at += _ENTRY.size + length
            if sender != self._me:
                found.append(data[at - length : at])
        return found, end

    def _write(self, place: int, data: bytes) -> None:
        start = place % RING
        first = min(len(data), RING - start)
        self._memory[_HEAD + start : _HEAD + start + first] = data[:first]
        self._memory[_HEAD : _HEAD + len(data) - first] = data[first:]

    def _read(self, place: int, size: int) -> bytes:
        start = place % RING
        first = min(size, RING - start)
        data = self._memory[_HEAD + start : _HEAD + start + first]
        return data + self._memory[_HEAD : _HEAD + size - first]


class SiblingNewsReader:
    """One listener's place in the news of siblings."""

    def __init__(self, news: SiblingNews) -> None:
        self._news = news
        self._stamp = news.stamp
        _, self._place = news.since(None)

    def hear(self) -> list[bytes] | None:
        """Return the messages of other processes since the last call; None when some are lost."""
        stamp = self._news.stamp
        if stamp == self._stamp:
            return []
        found, self._place = self._news.since(self._place)
        self._stamp = stamp
        return found
