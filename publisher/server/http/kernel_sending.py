"""Sending a file over a connection in the kernel, by turns in a thread and in the event loop."""

import asyncio
import os
import select
import threading
import time
from contextlib import suppress

_PATIENCE = 0.02
"""
Seconds that a download waits for its client in the thread that sends it, before the event loop waits.

A client nearby takes a file of megabytes in that time, and a way to the event loop and back would cost as much as
some hundred kilobytes.
"""

_WAITING = threading.Semaphore(3)
"""Threads that may wait so: fewer than there are on any machine, so that slow clients hold up no one else's files."""


class KernelSending:
    """One part of a file on its way to a connection; ``connection`` and ``file`` are descriptors."""

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
        Send until the connection takes no more, and wait until it takes some again.

        Raises TimeoutError if it takes nothing for ``stalled`` seconds, and OSError if the file became shorter.
        """
        loop = asyncio.get_running_loop()
        self._offset = await loop.run_in_executor(
            None, send_some, self._connection, self._file, self._offset, self._end, self._patience
        )
        self._patience = 0.0
        if not self.is_complete:
            await asyncio.wait_for(_writable(loop, self._connection), stalled)


def send_some(connection: int, file: int, offset: int, end: int, patience: float) -> int:
    """Send until the connection takes no more for so many seconds in all, and return the offset that was reached."""
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
    """Return whether a connection takes bytes again within so many seconds; False if enough threads wait."""
    if not _WAITING.acquire(blocking=False):
        return False
    try:
        poll = select.poll()
        poll.register(connection, select.POLLOUT)
        return bool(poll.poll(patience * 1000))
    finally:
        _WAITING.release()


async def _writable(loop: asyncio.AbstractEventLoop, connection: int) -> None:
    """Return when a connection takes bytes again."""
    ready = asyncio.Event()
    loop.add_writer(connection, ready.set)
    try:
        await ready.wait()
    finally:
        with suppress(RuntimeError):  # the loop is closed
            loop.remove_writer(connection)
