"""Downloads from upstream: one for everybody who asks, readable while it runs, stored when its digests are right."""

import asyncio
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publisher.server.settings import UpstreamSource
from publisher.server.upstream.breaker import NotAskedError
from publisher.server.upstream.client import FileReply
from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import (
    NotUpstreamError,
    UpstreamError,
    UpstreamUnavailableError,
    WrongContentError,
)
from publisher.server.upstream.files.blobs import BlobStore

BATCH = 2**20
"""Bytes that are hashed and written at a time."""

CHUNK = 2**17
"""Bytes that a reader gets at a time."""

ABANDONED_AFTER = 2.0
"""Seconds that a download without readers, of which less than half came, waits for one."""

_MAGIC = {".whl": b"PK", ".zip": b"PK", ".egg": b"PK", ".gz": b"\x1f\x8b", ".tgz": b"\x1f\x8b"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to download: where from, its key in the store, and all that is announced of it."""

    source: UpstreamSource
    url: str
    filename: str
    key: str
    hashes: Mapping[str, str]
    size: int | None
    limit: int


class Download:
    """One running download: written to a temporary file, from which every reader reads as far as it is written."""

    def __init__(self, wanted: Wanted, path: Path) -> None:
        self.wanted = wanted
        self.length = wanted.size
        self.written = 0
        self.error: UpstreamError | None = None
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
        """Close the file once nobody reads it any more."""
        if self._file is not None and self.readers == 0 and self.done:
            os.close(self._file)
            self._file = None

    def write(self, parts: list[bytes], digests: list[Any]) -> int:
        """Hash and append what came; returns the number of bytes; raises OSError. Runs in a thread."""
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
        """Let readers have what was written."""
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
    """All running downloads by key, and the failures of the last minute."""

    def __init__(self, context: UpstreamContext, blobs: BlobStore) -> None:
        self._context = context
        self._limits = context.limits
        self._blobs = blobs
        self._running: dict[str, Download] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: OrderedDict[str, tuple[float, UpstreamError]] = OrderedDict()
        self._flights = asyncio.Semaphore(context.limits.flights)

    async def get(self, wanted: Wanted) -> Download:
        """
        Return the download of a file once its bytes come, started if it doesn't run; the caller counts as a reader.

        Raises UpstreamError when it fails before the first byte, or failed a moment ago.
        """
        self._raise_remembered(wanted.key)
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

    def forget_failure(self, key: str) -> None:
        """Ask upstream again for a file that failed."""
        self._failures.pop(key, None)

    def _raise_remembered(self, key: str) -> None:
        remembered = self._failures.get(key)
        if remembered is not None and remembered[0] > time.monotonic():
            raise remembered[1]

    async def _run(self, download: Download) -> None:
        wanted = download.wanted
        error: UpstreamError | None = _LocalFailureError("The index is being stopped.")
        try:
            async with self._flights:
                self._context.breakers.require(wanted.url)
                await self._context.in_thread(download.open)
                await self._fetch(download)
            error = None
        except UpstreamError as failure:
            error = failure
        except OSError as failure:
            error = _LocalFailureError(f"The cache can't be written: {failure.strerror or failure}.")
        finally:
            self._running.pop(wanted.key, None)
            if error is not None:
                self._remember(wanted.key, error)
                with suppress(OSError):
                    download.path.unlink()
            self._note_result(wanted.url, error)
            download.finish(error)

    def _note_result(self, url: str, error: UpstreamError | None) -> None:
        """Let the breaker know how upstream did; what failed here does not count."""
        if not isinstance(error, UpstreamUnavailableError):
            self._context.breakers.of(url).succeeded()
        elif not isinstance(error, _LocalFailureError | NotAskedError):
            self._context.breakers.of(url).failed(error.message)

    async def _fetch(self, download: Download) -> None:
        wanted = download.wanted
        hashes = {name: value for name, value in wanted.hashes.items() if name in hashlib.algorithms_guaranteed}
        hashes = {name: value for name, value in hashes.items() if not name.startswith("shake")}
        digests = {name: hashlib.new(name, usedforsecurity=False) for name in hashes}
        async with self._context.client.file(wanted.source, wanted.url) as reply:
            self._check_reply(download, reply)
            keep = await self._context.in_thread(lambda: self._blobs.has_room_for(download.length or 0))
            await self._receive(download, reply, list(digests.values()))
        if download.length is not None and download.written != download.length:
            raise UpstreamUnavailableError(f"Upstream sent {download.written} of {download.length} bytes.")
        wrong = [name for name, digest in digests.items() if digest.hexdigest() != hashes[name]]
        if wrong:
            raise WrongContentError(f"Upstream's {wanted.filename} has another {wrong[0]} than its page announces.")
        download.verify()
        if keep:
            await asyncio.get_running_loop().run_in_executor(
                self._context.placer, self._blobs.place, download.path, wanted.key
            )
        else:  # passed on all the same
            await self._context.in_thread(download.path.unlink)

    async def _receive(self, download: Download, reply: FileReply, digests: list[Any]) -> None:
        """Write what comes in batches, in a thread, while more comes."""
        pending: list[bytes] = []
        size = received = 0
        writing: asyncio.Future[int] | None = None
        loop = asyncio.get_running_loop()
        async for chunk in reply.chunks():
            if not received:
                _check_magic(download.wanted, chunk)
            received += len(chunk)
            if received > download.wanted.limit or (download.length is not None and received > download.length):
                raise WrongContentError("Upstream sends more bytes than its page announces.")
            pending.append(chunk)
            size += len(chunk)
            if writing is not None and (writing.done() or size >= BATCH):
                download.advance(await writing)
                writing = None
            if writing is None:
                await self._stay_wanted(download)
                writing = loop.run_in_executor(self._context.threads, download.write, pending, digests)
                pending, size = [], 0
        if writing is not None:
            download.advance(await writing)
        if pending:
            download.advance(await loop.run_in_executor(self._context.threads, download.write, pending, digests))

    async def _stay_wanted(self, download: Download) -> None:
        """End a download that everybody has left, unless more than half of it came."""
        if download.readers == 0 and download.length and download.written < download.length / 2:
            await asyncio.sleep(ABANDONED_AFTER)
            if download.readers == 0:
                raise _LocalFailureError("Nobody waits for this file any more.")

    def _check_reply(self, download: Download, reply: FileReply) -> None:
        wanted = download.wanted
        if reply.status == 404:
            raise NotUpstreamError(f"Upstream has no file {wanted.filename}.")
        if reply.status != 200:
            raise UpstreamUnavailableError(f"Upstream answered {reply.status} for {wanted.filename}.")
        if wanted.size is not None and reply.length is not None and reply.length != wanted.size:
            raise WrongContentError(
                f"Upstream's {wanted.filename} has {reply.length} bytes; its page announces {wanted.size}."
            )
        download.length = wanted.size if wanted.size is not None else reply.length
        if download.length is not None and download.length > wanted.limit:
            raise UpstreamUnavailableError(f"{wanted.filename} is larger than the {wanted.limit} bytes passed on here.")

    def _remember(self, key: str, error: UpstreamError) -> None:
        if not isinstance(error, _LocalFailureError | NotAskedError):
            self._failures[key] = (time.monotonic() + self._limits.remembered, error)
            while len(self._failures) > 10_000:
                self._failures.popitem(last=False)


class _LocalFailureError(UpstreamUnavailableError):
    """The cache's disk failed, all readers left, or the index ends; upstream did nothing wrong."""


def _check_magic(wanted: Wanted, first: bytes) -> None:
    """Raise WrongContentError for a body that is no archive, where nothing else on the page could tell."""
    magic = _MAGIC.get(os.path.splitext(wanted.filename)[1])  # noqa: PTH122 - a name, not a path
    if magic is not None and not first.startswith(magic[: len(first)]):
        raise WrongContentError(f"Upstream's {wanted.filename} is not an archive.")
