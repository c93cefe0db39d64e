"""A file that comes in: small ones stay in memory, larger ones go to the disk, and digests are computed on the way."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir, mkstemp
from typing import Protocol

from publisher.project.archives import Checkpoint, no_checkpoint
from publisher.server.store.errors import FileTooLargeError

BLOCK = 2**20
"""Bytes that are written and hashed at a time, while the next ones come in."""

WRITE_BACK = 8 * BLOCK
"""Bytes after which the system is asked to write them to the disk, so that the sync at the end waits for few."""

INLINE = 2**16
"""Bytes that are hashed faster than a thread is asked to."""

_PREFIX = "upload-"


class Digest(Protocol):
    """A hash of `hashlib`, which grows with the bytes it is given."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take the next bytes."""

    def hexdigest(self) -> str:
        """Return the digest in hexadecimal."""


class SpoolCopy(Protocol):
    """Another place for the bytes of a file that comes in; its methods block, and its failures are its own."""

    def write(self, block: memoryview, /) -> None:
        """Take the next bytes; the block is used again after that."""

    def discard(self) -> None:
        """Remove what was written, unless it was put to use."""


class Spool:
    """
    One file that comes in; its digests are complete after `finish`.

    It has a temporary file only when it is larger than a block, or is to have one in any case.
    """

    def __init__(self, folder: Path, limit: int, threads: ThreadPoolExecutor, *, in_memory: bool = True) -> None:
        self._limit = limit
        self._threads = threads
        self._in_memory = in_memory
        self._folder = folder
        self._block = bytearray()
        self._other = bytearray()
        """The block that is written while this one fills; memory that is used again costs less than new memory."""
        self._filled = 0
        self._writing: asyncio.Future[None] | None = None
        self._hashes: dict[str, Digest] = {}
        self.size = 0
        self._path: Path | None = None
        self._descriptor: int | None = None
        self._written = 0
        self._on_its_way = 0
        """Bytes at the beginning of the file that the system was asked to write to the disk."""
        self._content = b""
        self.copy: SpoolCopy | None = None
        """The place to which blocks go too, once they are on the disk; chosen before the first one is full."""

    @property
    def content(self) -> bytes | Path:
        """The path of the finished file, or all of its bytes."""
        return self._content if self._path is None else self._path

    def hash_with(self, algorithms: Iterable[str]) -> None:
        """Choose the digests to compute, before the first byte."""
        self._hashes = {algorithm: _new_hash(algorithm) for algorithm in algorithms}

    def write(self, data: bytes) -> None:
        """Take the next bytes; raises FileTooLargeError when the file becomes too large."""
        self.size += len(data)
        if self.size > self._limit:
            raise FileTooLargeError(self._limit)
        end = self._filled + len(data)
        self._block[self._filled : end] = data  # grows where that is not enough
        self._filled = end

    async def drain(self) -> None:
        """Hand a full block to a thread; wait for the one before it, so that memory stays bounded."""
        if self._filled >= BLOCK:
            await self._flush()

    async def finish(self) -> dict[str, str]:
        """Write the rest and make the file durable, unless it stays in memory; return the digests in hexadecimal."""
        await self._wait()
        if self._in_memory and self._path is None:
            self._content = bytes(memoryview(self._block)[: self._filled])
            self._block = bytearray()
            await self._hash_content()
        else:
            self._begin(self._store_last)
            await self._wait()
        return {algorithm: each.hexdigest() for algorithm, each in self._hashes.items()}

    async def discard(self) -> None:
        """Close the file and take it away, unless it has been moved."""
        with suppress(OSError):
            await self._wait()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self.copy is not None:
            await asyncio.get_running_loop().run_in_executor(self._threads, self.copy.discard)

    async def _hash_content(self) -> None:
        def work() -> None:
            for each in self._hashes.values():
                each.update(self._content)

        if self.size <= INLINE:
            work()
        else:
            await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _flush(self) -> None:
        await self._wait()
        self._begin(self._store)

    def _begin(self, work: Callable[[memoryview], None]) -> None:
        filled = memoryview(self._block)[: self._filled]
        self._block, self._other, self._filled = self._other, self._block, 0
        self._writing = asyncio.get_running_loop().run_in_executor(self._threads, work, filled)

    async def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing

    def _store(self, block: memoryview) -> None:
        """Write and hash a block, and release it, so that its buffer may grow again."""
        descriptor = self._open_descriptor()
        with block:
            written = 0
            while written < len(block):
                with block[written:] as rest:
                    written += os.write(descriptor, rest)
            self._written += written
            if self._written - self._on_its_way >= WRITE_BACK:
                _write_back(descriptor, self._on_its_way, self._written)
                self._on_its_way = self._written
            for each in self._hashes.values():
                each.update(block)
            if self.copy is not None:
                self.copy.write(block)

    def _store_last(self, block: memoryview) -> None:
        self._store(block)
        os.fsync(self._open_descriptor())

    def _open_descriptor(self) -> int:
        """Return the descriptor of the file, which is made now if it is not there yet."""
        if self._descriptor is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._descriptor, name = mkstemp(prefix=_PREFIX, suffix=".part", dir=self._folder)
            self._path = Path(name)
            os.fchmod(self._descriptor, 0o644)  # like any file that is copied into the folder
            _lock(self._descriptor)
        return self._descriptor


def spool_folder(dot_folder: Path, *, shared: bool) -> Path:
    """
    Return where files are written while they come in.

    On a disk that is beside the packages, so that they need not be copied. A shared volume can't be reloaded while a
    file of it is open, and a slow client keeps its file open for long: there it is a folder of this machine.
    """
    if shared:
        return Path(gettempdir()) / "pypi-publish-uploads"
    return dot_folder / "uploads"


def clean_up(folder: Path) -> None:
    """Take away the temporary files of processes that are gone: their locks are free."""
    for path in folder.glob(f"{_PREFIX}*.part"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR)
            try:
                if _lock(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def digest_of(content: bytes | Path, algorithm: str, checkpoint: Checkpoint = no_checkpoint) -> str:
    """Return the digest of a file that came in, in hexadecimal."""
    if isinstance(content, Path):
        return digest_file(content, algorithm, checkpoint)
    found = _new_hash(algorithm)
    found.update(content)
    return found.hexdigest()


def digest_file(path: Path, algorithm: str, checkpoint: Checkpoint = no_checkpoint) -> str:
    """Return a file's digest in hexadecimal, for one that was asked for after the file had come."""
    found, buffer = _new_hash(algorithm), memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        read_ahead = _short_reads(file.fileno())
        position = 0
        while count := file.readinto(buffer):
            position += count
            read_ahead(position)
            checkpoint()
            found.update(buffer[:count])
    return found.hexdigest()


def _write_back(descriptor: int, start: int, end: int) -> None:
    """
    Have the system begin to write a part of a file to the disk, without waiting for it.

    Linux does so when it hears that the part is not needed in memory; the part leaves memory only once it is written.
    """
    with suppress(OSError, AttributeError):  # another file system, or macOS
        os.posix_fadvise(descriptor, start, end - start, os.POSIX_FADV_DONTNEED)


def _short_reads(descriptor: int) -> Callable[[int], None]:
    """
    Have a read take no more than its own block, and return a function that has the block at a position read ahead.

    Disks may read 8 MB ahead: a read then makes all their pages in the kernel, which takes 20 to 50 ms, and where the
    kernel does not preempt itself, no other thread has that core meanwhile.
    """

    def read_ahead(position: int) -> None:
        with suppress(OSError):
            os.posix_fadvise(descriptor, position, BLOCK, os.POSIX_FADV_WILLNEED)

    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
    except (OSError, AttributeError):  # another file system, or macOS
        return lambda _position: None
    return read_ahead


def _new_hash(algorithm: str) -> Digest:
    if algorithm == "blake2_256":
        return hashlib.blake2b(digest_size=32)
    return hashlib.new(algorithm, usedforsecurity=False)


def _lock(descriptor: int) -> bool:
    """Lock a file for this process, if it is free; the lock ends with the process."""
    import fcntl  # noqa: PLC0415 - there is none on Windows, where the index does not run

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
