"""Threads for blocking work: reading and writing files, hashing, making pages."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")

_NICE = 10


class Workers:
    """A bounded pool of threads; with ``give_way``, they have a low priority, because they compute for long."""

    def __init__(self, threads: int | None = None, name: str = "store", *, give_way: bool = False) -> None:
        threads = threads or min(8, (os.cpu_count() or 1) + 4)
        self.pool = ThreadPoolExecutor(threads, name, initializer=_lower_priority if give_way else None)

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Run blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    def close(self) -> None:
        """End the threads."""
        self.pool.shutdown(wait=False, cancel_futures=True)


def _lower_priority() -> None:
    """Lower the priority of this thread below that of the event loop; only Linux has priorities of threads."""
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
