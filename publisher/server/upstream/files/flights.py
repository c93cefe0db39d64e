"""Requests for files: a bounded number at a time, and none that failed a moment ago."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from publisher.server.upstream.breaker import NotAskedError
from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import UpstreamError, UpstreamUnavailableError
from publisher.server.upstream.files.wanted import Wanted


class LocalFailureError(UpstreamUnavailableError):
    """The cache's disk failed, all readers left, or the index ends; upstream did nothing wrong."""


class Flights:
    """The places for requests for files, and the failures of the last minute."""

    def __init__(self, context: UpstreamContext) -> None:
        self._context = context
        self._places = asyncio.Semaphore(context.limits.flights)
        self._failures: OrderedDict[str, tuple[float, UpstreamError]] = OrderedDict()

    def raise_remembered(self, key: str) -> None:
        """Raise the UpstreamError that a file failed with a moment ago."""
        if self.has_failed(key):
            raise self._failures[key][1]

    def has_failed(self, key: str) -> bool:
        """Return whether a file failed a moment ago."""
        remembered = self._failures.get(key)
        return remembered is not None and remembered[0] > time.monotonic()

    @asynccontextmanager
    async def flight(self, wanted: Wanted) -> AsyncIterator[None]:
        """Wait for a place; raise NotAskedError while upstream is left alone."""
        async with self._places:
            self._context.breakers.require(wanted.url)
            yield

    def ended(self, wanted: Wanted, error: UpstreamError | None) -> None:
        """Remember a failure, and report upstream's part to the breaker; failures on this machine do not count."""
        local = isinstance(error, LocalFailureError | NotAskedError)
        if error is not None and not local:
            self._failures[wanted.key] = (time.monotonic() + self._context.limits.remembered, error)
            while len(self._failures) > self._context.limits.remembered_files:
                self._failures.popitem(last=False)
        if not isinstance(error, UpstreamUnavailableError):
            self._context.breakers.of(wanted.url).succeeded()
        elif not local:
            self._context.breakers.of(wanted.url).failed(error.message)
