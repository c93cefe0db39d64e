"""Sending files to clients with `sendfile`: a thread sends, and the event loop waits for slow clients."""

import asyncio
import os
import select
import threading
import time
from contextlib import suppress

_PATIENCE = 0.02
"""
Seconds that the thread waits for a client before the event loop waits instead.

A nearby client receives a file of several megabytes in this time. Switching to the event loop and back costs as much
as sending some hundred kilobytes.
"""

_WAITING = threading.Semaphore(3)
"""Threads that may wait at the same time: a few, so that slow clients never occupy all of them."""


class KernelSending:
    """A part of a file that is being sent to a client; ``connection`` and ``file`` are file descriptors."""

    def __init__(self, connection: int, file: int, offset: int, count: int) -> None:
        self._connection = connection
        self._file = file
        self._offset = offset
        self._end = offset + count
        self._patience = _PATIENCE

    @property
    def is_complete(self) -> bool:
        """Whether everything was sent."""
        return self._offset >= self._end

    async def send(self, stalled: float) -> None:
        """
        Send as much as the client takes, then wait until it takes more.

        Raises TimeoutError if the client takes nothing for ``stalled`` seconds, OSError if the file became shorter.
        """
        loop = asyncio.get_running_loop()
        self._offset = await loop.run_in_executor(
            None, send_some, self._connection, self._file, self._offset, self._end, self._patience
        )
        self._patience = 0.0
        if not self.is_complete:
            await asyncio.wait_for(_writable(loop, self._connection), stalled)


def send_some(connection: int, file: int, offset: int, end: int, patience: float) -> int:
    """Send until the client takes no more, waiting ``patience`` seconds in all; return the offset that was reached."""
    while offset < end:
        try:
            sent = os.sendfile(connection, file, offset, end - offset)
        except BlockingIOError:
            began = time.monotonic()
            if patience <= 0 or not _becomes_writable(connection, patience):
                return offset
            patience -= time.monotonic() - began
            continue
        if sent == 0:
            raise OSError("the file became shorter while it was sent")
        offset += sent
    return offset


def _becomes_writable(connection: int, patience: float) -> bool:
    """Return whether a client takes more within ``patience`` seconds; False if too many threads wait already."""
    if not _WAITING.acquire(blocking=False):
        return False
    try:
        poll = select.poll()
        poll.register(connection, select.POLLOUT)
        return bool(poll.poll(patience * 1000))
    finally:
        _WAITING.release()


async def _writable(loop: asyncio.AbstractEventLoop, connection: int) -> None:
    """Return when a client takes more."""
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        await ready.wait()
    finally:
        with suppress(RuntimeError):  # the loop is closed
            loop.remove_writer(connection)
