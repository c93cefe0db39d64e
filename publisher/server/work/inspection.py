"""The one place where strangers' bytes are read: threads of their own, fairly shared, ended with their client."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from publisher.limits import Limits
from publisher.server.work.helpers import HelperProcesses
from publisher.server.work.nearby import run_anywhere
from publisher.server.work.turns import BusyError, FairTurns

Checkpoint = Callable[[], None]
Gone = Callable[[], Coroutine[Any, Any, None]]
"""Returns when the client has gone away."""

_BRIEF = 0.05
"""Seconds of work during which the client is not watched: nearly every file takes less, and so does its end."""

_Result = TypeVar("_Result")


class InspectionEndedError(Exception):
    """The client went away: its result is not needed."""


class _ClosedError(Exception):
    """The index ends."""


class InspectionPool:
    """
    May be busy for long without holding up anything else: pages, files and passwords have other threads.

    One account has a share of the threads, so that another's file is read beside it rather than after it.
    """

    def __init__(self, limits: Limits) -> None:
        threads = limits.inspections
        self._threads = ThreadPoolExecutor(threads, "inspection", initializer=run_anywhere)
        self._turns = FairTurns(
            "uploads",
            running=threads,
            waiting=limits.waiting_inspections,
            each=limits.inspections_each,
            patience=limits.inspection_patience,
        )
        self.helpers = HelperProcesses(limits)
        self._grace = limits.inspection_grace
        self._closed = threading.Event()

    async def run(self, key: Hashable, work: Callable[[Checkpoint], _Result], gone: Gone | None = None) -> _Result:
        """
        Run work in a thread, in turn with that of other keys; it calls its checkpoint often.

        Without ``gone`` it is done in any case.

        Raises InspectionEndedError when ``gone`` returns first, BusyError when there is too much other work or the
        index ends.
        """
        ended = threading.Event()

        def checkpoint() -> None:
            if self._closed.is_set():
                raise _ClosedError
            if ended.is_set():
                raise InspectionEndedError

        async with self._turns.turn(key):
            if self._closed.is_set():
                raise _ending()
            running = asyncio.get_running_loop().run_in_executor(self._threads, work, checkpoint)
            try:
                await asyncio.wait({running}, timeout=None if gone is None else _BRIEF)
                if gone is not None and not running.done():
                    await _first_of(running, gone)
            finally:
                ended.set()
            if not running.done():
                await asyncio.wait({running})
                running.exception()
                raise InspectionEndedError
            try:
                return running.result()
            except _ClosedError:
                raise _ending() from None

    def end_soon(self) -> None:
        """End remaining work after the grace, as the index is to end; called in the event loop."""
        asyncio.get_running_loop().call_later(self._grace, self._closed.set)

    def close(self) -> None:
        """End work at its next checkpoint, and the threads."""
        self._closed.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.helpers.close()


async def _first_of(running: "asyncio.Future[Any]", gone: Gone) -> None:
    """Return when work is done, or when ``gone`` returns."""
    leaving = asyncio.create_task(gone())
    try:
        either: set[asyncio.Future[Any]] = {running, leaving}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()


def _ending() -> BusyError:
    return BusyError("The index is stopping; send the file again in a moment.", 5)
