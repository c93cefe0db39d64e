"""What all parts of the room share: limits, connections, threads, breakers and the clock."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from publisher.server.settings import UpstreamLimits
from publisher.server.upstream.breaker import CircuitBreakers
from publisher.server.upstream.client import UpstreamClient

THREADS = 6

_Result = TypeVar("_Result")


class UpstreamContext:
    """Shared by the parts of one `Upstream`; ``clock`` gives seconds since 1970."""

    def __init__(self, limits: UpstreamLimits, clock: Callable[[], float] = time.time) -> None:
        self.limits = limits
        self.clock = clock
        self.client = UpstreamClient(limits)
        self.breakers = CircuitBreakers(limits)
        self.threads = ThreadPoolExecutor(THREADS, "upstream")

    async def in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Run blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    async def close(self) -> None:
        """Close the connections and end the threads."""
        await self.client.close()
        self.threads.shutdown(wait=False, cancel_futures=True)
