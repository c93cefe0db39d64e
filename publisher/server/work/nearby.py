"""Threads for short steps of requests; while several run at once, they share the event loop's processor."""

import asyncio
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")

_THREADS = 8

_MANY = 4
"""Minimum number of overlapping steps between two ticks for threads to share a processor."""

_MOVE_EVERY = 10
"""Ticks between releases of the threads; a release lasts one tick, so that the system can move them."""


class NearbyThreads:
    """
    A pool of threads for steps of few system calls, such as giving a file its name.

    At each system call, a thread releases Python's lock and acquires it again. If the event loop runs on another
    processor, it gets the lock in between, and the system has to wake one of the two each time. On the same processor,
    the call returns before the other one runs: eight uploads at a time take half the processor time.

    Without calls of `tick`, the threads run on any processor. Threads that the event loop starts while it shares its
    processor stay there until the next release.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "nearby", initializer=self._join)
        self._ids: list[int] = []
        self._running = 0
        self._overlapping = 0
        self._ticks = 0
        self._shared: int | None = None
        """The shared processor, or None while threads may run on any processor."""
        self._own: AbstractSet[int] = frozenset()
        """The processors that the event loop may use when it is not sharing one."""

    async def run(self, step: Callable[[], _Result]) -> _Result:
        """Run a step in a thread."""
        if self._running:
            self._overlapping += 1
            if self._overlapping == _MANY and self._shared is None and self._ticks % _MOVE_EVERY > 0:
                self._gather()
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, step)
        finally:
            self._running -= 1

    def tick(self) -> None:
        """Release the threads if few steps overlap, and once a second; called in the event loop, ten times a second."""
        self._ticks += 1
        together = self._overlapping >= _MANY and self._ticks % _MOVE_EVERY > 0
        self._overlapping = 0
        if not together and self._shared is not None:
            self._release(self._shared)

    def close(self) -> None:
        """End the threads; called in the event loop."""
        if self._shared is not None:
            self._release(self._shared)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _gather(self) -> None:
        self._own = _own_processors()
        current = _current_processor() if len(self._own) > 1 else None
        if current is not None and current in self._own:
            self._shared = current
            _move([threading.get_native_id(), *self._ids], {current})

    def _release(self, shared: int) -> None:
        """Release the threads, and others that the event loop has started since, which inherited its processor."""
        self._shared = None
        threads = map(int, os.listdir("/proc/self/task"))  # noqa: PTH208 - names are all that is needed
        _move([thread for thread in threads if _own_processors(thread) == {shared}], self._own)

    def _join(self) -> None:
        self._ids.append(threading.get_native_id())


def run_anywhere() -> None:
    """Let the calling thread, and processes that it starts, use every processor that this process started with."""
    if _AT_START:
        _move([threading.get_native_id()], _AT_START)


def _own_processors(thread: int = 0) -> AbstractSet[int]:
    """Return the processors on which a thread, or the calling one, may run; nothing where threads can't be moved."""
    if sys.platform == "linux":
        with suppress(OSError):  # it has ended
            return os.sched_getaffinity(thread)
    return frozenset()


def _current_processor() -> int | None:
    """Return the processor that runs the calling thread (`sched_getcpu(3)`), None where that is unknown."""
    try:
        return int(ctypes.CDLL(None).sched_getcpu())
    except (OSError, AttributeError):  # another C library
        return None


def _move(threads: Iterable[int], processors: AbstractSet[int]) -> None:
    for thread in threads:
        with suppress(OSError):  # it has ended, or a sandbox forbids it
            os.sched_setaffinity(thread, processors)


_AT_START = _own_processors()
