"""Threads for blocking work: reading and writing files, hashing, making pages."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


class Workers:
    """A bounded pool of threads."""

    def __init__(self, threads: int | None = None, name: str = "store") -> None:
        self.pool = ThreadPoolExecutor(threads or min(8, (os.cpu_count() or 1) + 4), name)

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Run blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    def close(self) -> None:
        """End the threads."""
        self.pool.shutdown(wait=False, cancel_futures=True)
