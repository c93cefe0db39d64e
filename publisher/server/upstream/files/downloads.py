"""Downloads from upstream: one for all requests, readable while it runs, stored when its digests are right."""

import asyncio
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import UpstreamError, WrongContentError
from publisher.server.upstream.files.blobs import BlobStore
from publisher.server.upstream.files.flights import Flights, LocalFailureError
from publisher.server.upstream.files.wanted import OnStored, Wanted

if TYPE_CHECKING:
    from publisher.server.upstream.client import FileReply

CHUNK = 2**17
"""Bytes that a reader gets at a time."""

ABANDONED_AFTER = 2.0
"""Seconds that a download without readers waits for one if less than half of it has come."""


class Download:
    """One running download: written to a temporary file, from which every reader reads as far as it is written."""

    def __init__(self, wanted: Wanted, path: Path) -> None:
        self.wanted = wanted
        self.length = wanted.size
        self.written = 0
        self.error: UpstreamError | None = None
        self.sha256 = ""
        """The digest of all bytes, once they came."""
        self.verified = False
        """Whether all bytes came and are right; making them durable may take longer, and no reader waits for that."""
        self.done = False
        self.readers = 0
        self.task: asyncio.Task[None] | None = None
        self.started = asyncio.Event()
        """Set when upstream's answer began to come, or failed."""
        self._progress = asyncio.Event()
        self.path = path
        self._file: int | None = None

    def open(self) -> None:
        """Create the temporary file; raises OSError."""
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)

    def close(self) -> None:
        """Close the file after its last reader."""
        if self._file is not None and self.readers == 0 and self.done:
            os.close(self._file)
            self._file = None

    def write(self, parts: list[bytes], digests: list[Any]) -> int:
        """Hash and append received bytes; returns their number; raises OSError. Runs in a thread."""
        assert self._file is not None  # noqa: S101 - for the type checker
        total = 0
        for part in parts:
            for digest in digests:
                digest.update(part)
            os.pwrite(self._file, part, self.written + total)
            total += len(part)
        return total

    async def begin(self) -> None:
        """Wait for the first bytes; raise the download's UpstreamError when none come."""
        await self.started.wait()
        if self.error is not None and self.written == 0:
            raise self.error

    def advance(self, size: int) -> None:
        """Give the written bytes to readers."""
        self.written += size
        self.started.set()
        self._wake()

    def verify(self) -> None:
        """Let readers have the end."""
        self.verified = True
        self.started.set()
        self._wake()

    def finish(self, error: UpstreamError | None) -> None:
        """End the download."""
        self.error, self.done = error, True
        self.started.set()
        self._wake()
        self.close()

    async def read(self, offset: int, end: int | None) -> bytes:
        """
        Return bytes from ``offset``, up to ``end``, as soon as there are some; none at the end of the file.

        Raises the download's UpstreamError when it ended before the offset.
        """
        while self.written <= offset and not self.done and not self.verified:
            await self._progress.wait()
        if self.written <= offset:
            if self.error is not None and not isinstance(self.error, WrongContentError):
                raise self.error
            return b""
        assert self._file is not None  # noqa: S101 - readers keep it open
        limit = self.written if end is None else min(self.written, end)
        return os.pread(self._file, min(CHUNK, limit - offset), offset)

    def _wake(self) -> None:
        progress, self._progress = self._progress, asyncio.Event()
        progress.set()


class Downloads:
    """All running downloads by key."""

    def __init__(self, context: UpstreamContext, blobs: BlobStore, flights: Flights, on_stored: OnStored) -> None:
        self._context = context
        self._blobs = blobs
        self._flights = flights
        self._on_stored = on_stored
        self._running: dict[str, Download] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, wanted: Wanted) -> Download:
        """
        Return the download of a file once its bytes come, started if it doesn't run; the caller counts as a reader.

        Raises UpstreamError when it fails before the first byte, or failed a moment ago.
        """
        self._flights.raise_remembered(wanted.key)
        download = self._running.get(wanted.key)
        if download is None:
            download = Download(wanted, self._blobs.temporary())
            self._running[wanted.key] = download
            task = asyncio.create_task(self._run(download))
            download.task = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        download.readers += 1
        try:
            await download.begin()
        except BaseException:
            self.leave(download)
            raise
        return download

    def leave(self, download: Download) -> None:
        """Give up a reader's place."""
        download.readers -= 1
        download.close()

    async def stop(self) -> None:
        """End all downloads, except those that are complete and only being made durable: these are waited for."""
        verified = {download.task for download in self._running.values() if download.verified}
        for task in self._tasks - verified:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, download: Download) -> None:
        wanted = download.wanted
        error: UpstreamError | None = LocalFailureError("The index is being stopped.")
        try:
            async with self._flights.flight(wanted):
                await self._context.in_thread(download.open)
                await self._fetch(download)
            error = None
        except UpstreamError as failure:
            error = failure
        except OSError as failure:
            error = LocalFailureError(f"The cache can't be written: {failure.strerror or failure}.")
        finally:
            self._running.pop(wanted.key, None)
            if error is not None:
                with suppress(OSError):
                    download.path.unlink()
            self._flights.ended(wanted, error)
            download.finish(error)

    async def _fetch(self, download: Download) -> None:
        wanted = download.wanted
        digests = wanted.digests()
        async with self._context.client.file(wanted.source, wanted.url) as reply:
            download.length = wanted.length_in(reply)
            keep = wanted.may_be_kept(reply) and await self._context.in_thread(
                lambda: self._blobs.has_room_for(download.length or 0)
            )
            await self._receive(download, reply, list(digests.values()))
        wanted.verify(download.written, download.length, digests)
        download.sha256 = digests["sha256"].hexdigest()
        download.verify()
        if keep:
            await asyncio.get_running_loop().run_in_executor(self._context.placer, self._place, download)
        else:  # passed on all the same
            await self._context.in_thread(download.path.unlink)

    def _place(self, download: Download) -> None:
        """Give a complete download its place; runs in a thread, raises OSError."""
        self._blobs.place(download.path, download.wanted.key)
        self._on_stored(download.wanted, download.sha256)

    async def _receive(self, download: Download, reply: "FileReply", digests: list[Any]) -> None:
        """Write received bytes while more come; raises UpstreamError and OSError."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(self._context.limits.queued)
        writing = asyncio.create_task(self._write(download, queue, digests))
        received = 0
        try:
            async for chunk in reply.chunks():
                if not received:
                    download.wanted.check_first(chunk)
                received += len(chunk)
                download.wanted.check_received(received, download.length)
                await self._stay_wanted(download)
                await queue.put(chunk)
                if writing.done():
                    break
        finally:  # a thread that writes must have ended before the file is closed
            await queue.put(b"")
            await asyncio.wait({writing})
        writing.result()

    async def _write(self, download: Download, queue: "asyncio.Queue[bytes]", digests: list[Any]) -> None:
        """Write queued chunks, in a thread, until an empty one; raises OSError."""
        try:
            parts = [await queue.get()]
            while parts[-1]:
                while not queue.empty() and parts[-1]:
                    parts.append(queue.get_nowait())
                written = await self._context.in_thread(partial(download.write, parts, digests))
                download.advance(written)
                parts = [b""] if not parts[-1] else [await queue.get()]
        finally:
            while not queue.empty():  # no writer waits for room any more
                queue.get_nowait()

    async def _stay_wanted(self, download: Download) -> None:
        """End a download that all readers have left, unless more than half of it came."""
        if download.readers == 0 and download.length and download.written < download.length / 2:
            await asyncio.sleep(ABANDONED_AFTER)
            if download.readers == 0:
                raise LocalFailureError("No client waits for this file any more.")
