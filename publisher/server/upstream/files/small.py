"""Small files and metadata: fetched whole, verified before anybody gets them, and stored behind the answer."""

import asyncio
import logging
from contextlib import suppress

from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import UpstreamError
from publisher.server.upstream.files.blobs import BlobStore
from publisher.server.upstream.files.flights import Flights, LocalFailureError
from publisher.server.upstream.files.wanted import OnStored, Wanted

_log = logging.getLogger(__name__)


class SmallFiles:
    """One request upstream for all clients that want the same file; none sees wrong or missing bytes."""

    def __init__(self, context: UpstreamContext, blobs: BlobStore, flights: Flights, on_stored: OnStored) -> None:
        self._context = context
        self._blobs = blobs
        self._flights = flights
        self._on_stored = on_stored
        self._running: dict[str, asyncio.Task[bytes]] = {}
        self._placing: set[asyncio.Task[None]] = set()
        self._unplaced = 0

    async def get(self, wanted: Wanted) -> bytes:
        """Return a file's bytes; raises UpstreamError. Who asks may leave, and the request goes on."""
        self._flights.raise_remembered(wanted.key)
        task = self._running.get(wanted.key)
        if task is None:
            task = self._running[wanted.key] = asyncio.create_task(self._run(wanted))
            task.add_done_callback(_retrieve)
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """End the requests; what has come is stored."""
        running = [task for task in self._running.values() if not task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.gather(*self._placing)

    async def _run(self, wanted: Wanted) -> bytes:
        error: UpstreamError | None = LocalFailureError("The index is being stopped.")
        try:
            async with self._flights.flight(wanted):
                body, sha256 = await self._fetch(wanted)
            error = None
        except UpstreamError as failure:
            error = failure
            raise
        finally:
            self._flights.ended(wanted, error)
            if error is not None:
                self._running.pop(wanted.key, None)
        placing = asyncio.create_task(self._place(wanted, body, sha256))
        self._placing.add(placing)
        placing.add_done_callback(self._placing.discard)
        if self._unplaced > self._context.limits.unplaced:
            await asyncio.shield(placing)
        return body

    async def _fetch(self, wanted: Wanted) -> tuple[bytes, str]:
        """Return the bytes, and their SHA-256 digest."""
        parts: list[bytes] = []
        received = 0
        digests = wanted.digests()
        async with self._context.client.file(wanted.source, wanted.url) as reply:
            length = wanted.length_in(reply)
            async for chunk in reply.chunks():
                if not received:
                    wanted.check_first(chunk)
                received += len(chunk)
                wanted.check_received(received, length)
                for digest in digests.values():
                    digest.update(chunk)
                parts.append(chunk)
        wanted.verify(received, length, digests)
        return b"".join(parts), digests["sha256"].hexdigest()

    async def _place(self, wanted: Wanted, body: bytes, sha256: str) -> None:
        """Store a file; until that is done, it is answered from here."""

        def store() -> None:
            if self._blobs.store(wanted.key, body):
                self._on_stored(wanted, sha256)

        self._unplaced += len(body)
        try:
            await asyncio.get_running_loop().run_in_executor(self._context.placer, store)
        except OSError as error:
            _log.warning("can't write to the cache of public packages: %s", error)
        finally:
            self._unplaced -= len(body)
            self._running.pop(wanted.key, None)


def _retrieve(task: "asyncio.Task[bytes]") -> None:
    """Take note of a failure without a waiting client."""
    with suppress(asyncio.CancelledError):
        task.exception()
