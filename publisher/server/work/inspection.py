"""Inspection of what strangers sent: in threads of its own, fairly shared, and ended with whoever asked for it."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from publisher.server.work.turns import FairTurns

THREADS = max(1, (os.cpu_count() or 1) // 2)
WAITING = 128
"""Files that wait to be inspected at the most."""

PATIENCE = 60.0
"""Seconds that a file waits to be inspected."""

Checkpoint = Callable[[], None]
Gone = Callable[[], Coroutine[Any, Any, None]]
"""Returns when the client has gone away."""

_Result = TypeVar("_Result")


class InspectionEndedError(Exception):
    """The client went away, or the index ends: nobody waits for the result."""


class InspectionPool:
    """May be busy for long without holding up anything else: pages, files and passwords have other threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "inspection")
        self._turns = FairTurns("uploads", running=THREADS, waiting=WAITING, patience=PATIENCE)
        self._closed = threading.Event()

    async def run(self, key: Hashable, work: Callable[[Checkpoint], _Result], gone: Gone) -> _Result:
        """
        Run work in a thread, in turn with that of other keys; it calls its checkpoint often.

        Raises InspectionEndedError when ``gone`` returns first, BusyError when there is too much other work.
        """
        ended = threading.Event()

        def checkpoint() -> None:
            if ended.is_set() or self._closed.is_set():
                raise InspectionEndedError

        async with self._turns.turn(key):
            running = asyncio.get_running_loop().run_in_executor(self._threads, work, checkpoint)
            leaving = asyncio.create_task(gone())
            try:
                either: set[asyncio.Future[Any]] = {running, leaving}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                ended_early = not running.done()
            finally:
                leaving.cancel()
                ended.set()
            if ended_early:
                await asyncio.wait({running})
                running.exception()
                raise InspectionEndedError
            return running.result()

    def close(self) -> None:
        """End what runs at its next checkpoint, and the threads."""
        self._closed.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
