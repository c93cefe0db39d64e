"""Small files and metadata: fetched whole, verified before any client gets them, and stored behind the answer."""

import asyncio
from contextlib import suppress

from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import UpstreamError
from publisher.server.upstream.files.blobs import BlobStore
from publisher.server.upstream.files.flights import Flights, LocalFailureError
from publisher.server.upstream.files.wanted import OnStored, Wanted
from publisher.server.upstream.write_behind import WriteBehind


class SmallFiles:
    """One request upstream for all clients that want the same file; none sees wrong or missing bytes."""

    def __init__(self, context: UpstreamContext, blobs: BlobStore, flights: Flights, on_stored: OnStored) -> None:
        self._context = context
        self._blobs = blobs
        self._flights = flights
        self._on_stored = on_stored
        self._running: dict[str, asyncio.Task[bytes]] = {}
        self._behind = WriteBehind(context.placer, context.limits.unplaced)

    async def get(self, wanted: Wanted) -> bytes:
        """Return a file's bytes; raises UpstreamError. Who asks may leave, and the request goes on."""
        self._flights.raise_remembered(wanted.key)
        return await asyncio.shield(self._running.get(wanted.key) or self._start(wanted))

    def expect(self, wanted: Wanted) -> None:
        """Have a file that is likely to be asked for on its way."""
        if wanted.key not in self._running and not self._flights.has_failed(wanted.key):
            self._start(wanted)

    async def stop(self) -> None:
        """End the requests; complete files are stored."""
        running = [task for task in self._running.values() if not task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._behind.stop()

    def _start(self, wanted: Wanted) -> "asyncio.Task[bytes]":
        task = self._running[wanted.key] = asyncio.create_task(self._run(wanted))
        task.add_done_callback(_retrieve)
        return task

    async def _run(self, wanted: Wanted) -> bytes:
        error: UpstreamError | None = LocalFailureError("The index is being stopped.")
        try:
            async with self._flights.flight(wanted):
                body, sha256, keep = await self._fetch(wanted)
            error = None
        except UpstreamError as failure:
            error = failure
            raise
        finally:
            self._flights.ended(wanted, error)
            if error is not None or not keep:
                self._running.pop(wanted.key, None)
        if not keep:
            return body
        placed = self._behind.add(len(body), lambda: self._store(wanted, body, sha256))
        placed.add_done_callback(lambda _: self._running.pop(wanted.key, None))
        if self._behind.is_full:
            await asyncio.shield(placed)
        return body

    async def _fetch(self, wanted: Wanted) -> tuple[bytes, str, bool]:
        """Return the bytes, their SHA-256 digest, and whether they may be stored."""
        parts: list[bytes] = []
        received = 0
        digests = wanted.digests()
        async with self._context.client.file(wanted.source, wanted.url) as reply:
            length, keep = wanted.length_in(reply), wanted.may_be_kept(reply)
            async for chunk in reply.chunks():
                if not received:
                    wanted.check_first(chunk)
                received += len(chunk)
                wanted.check_received(received, length)
                for digest in digests.values():
                    digest.update(chunk)
                parts.append(chunk)
        wanted.verify(received, length, digests)
        body = b"".join(parts)
        wanted.check_metadata(body)
        return body, digests["sha256"].hexdigest(), keep

    def _store(self, wanted: Wanted, body: bytes, sha256: str) -> None:
        """Store a file, which is answered from here until that is done; runs in a thread, raises OSError."""
        if self._blobs.store(wanted.key, body):
            self._on_stored(wanted, sha256)


def _retrieve(task: "asyncio.Task[bytes]") -> None:
    """Take note of a failure without a waiting client."""
    with suppress(asyncio.CancelledError):
        task.exception()
