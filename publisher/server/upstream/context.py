"""State shared by all parts of the proxy: limits, connections, threads, breakers and the clock."""

import asyncio
import gc
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from publisher.limits import UpstreamLimits
from publisher.server.upstream.breaker import CircuitBreakers

if TYPE_CHECKING:
    from publisher.server.upstream.client import UpstreamClient

_Result = TypeVar("_Result")


class UpstreamContext:
    """Shared by the parts of one `Upstream`; ``clock`` gives seconds since 1970."""

    def __init__(self, limits: UpstreamLimits, clock: Callable[[], float] = time.time) -> None:
        self.limits = limits
        self.clock = clock
        self.client = load_client()(limits)
        self.breakers = CircuitBreakers(limits)
        self.threads = ThreadPoolExecutor(limits.threads, "upstream")
        self.placer = ThreadPoolExecutor(1, "upstream-disk")
        """Makes complete files durable: slow on a busy disk, and off every request."""
        self._parser = ThreadPoolExecutor(1, "upstream-pages")

    async def in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Run blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    async def parsing(self, size: int, work: Callable[[], _Result]) -> _Result:
        """
        Run work with a whole page of ``size`` bytes: a small one at once, which is faster than handing it to a thread.

        Large ones have a hundred thousand small objects for a moment, so that they have turns.
        """
        if size <= self.limits.page_at_once:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._parser, _without_collections, work)

    async def close(self) -> None:
        """Close the connections and end the threads."""
        await self.client.close()
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.placer.shutdown(wait=False, cancel_futures=True)
        self._parser.shutdown(wait=False, cancel_futures=True)


def load_client() -> "type[UpstreamClient]":
    """Import the client of upstreams, whose libraries take 9 MB; an index without an upstream never does."""
    from publisher.server.upstream.client import UpstreamClient  # noqa: PLC0415 - see above

    return UpstreamClient


def _without_collections(work: Callable[[], _Result]) -> _Result:
    """Run work without looking for cycles, which many new objects would cause again and again; these have none."""
    gc.disable()
    try:
        return work()
    finally:
        gc.enable()
