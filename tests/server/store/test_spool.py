"""Files that come in: where their bytes are, their digests, their limit, and what is left of them."""

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from publisher.server.store.errors import FileTooLargeError
from publisher.server.store.spool import BLOCK, WRITE_BACK, Spool, clean_up, digest_file, digest_of, spool_folder

ALGORITHMS = ("sha256", "md5", "blake2_256")


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


class Copy:
    """A second place for the bytes."""

    def __init__(self) -> None:
        self.written = b""
        self.discarded = 0

    def write(self, block: memoryview) -> None:
        self.written += bytes(block)

    def discard(self) -> None:
        self.discarded += 1


async def _fill(spool: Spool, data: bytes, piece: int) -> dict[str, str]:
    for start in range(0, len(data), piece):
        spool.write(data[start : start + piece])
        await spool.drain()
    return await spool.finish()


def _digests(data: bytes) -> dict[str, str]:
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "blake2_256": hashlib.blake2b(data, digest_size=32).hexdigest(),
    }


def _run(work: Callable[[], Awaitable[Any]]) -> None:
    async def run() -> None:
        await work()

    asyncio.run(run())


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("size", [0, 1, 2**16, 2**16 + 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_a_file_has_its_bytes_and_digests(
    tmp_path: Path, threads: ThreadPoolExecutor, size: int, *, in_memory: bool
) -> None:
    data = os.urandom(size)

    async def work() -> None:
        spool = Spool(tmp_path / "deep" / "uploads", size, threads, in_memory=in_memory)
        spool.copy = copy = Copy()
        spool.hash_with(ALGORITHMS)
        assert await _fill(spool, data, 300_000) == _digests(data)
        assert spool.size == size
        content = spool.content
        if in_memory and size < BLOCK:
            assert content == data
            assert copy.written == b""
            assert not (tmp_path / "deep").exists()
        else:
            assert isinstance(content, Path)
            assert content.read_bytes() == data
            assert copy.written == data
            assert stat.S_IMODE(content.stat().st_mode) == 0o644
        await spool.discard()
        assert copy.discarded == 1

    _run(work)
    assert list(tmp_path.rglob("upload-*")) == []


@pytest.mark.parametrize("failure", [None, OSError(errno.ENOSYS, "no such call")])
def test_the_disk_begins_while_more_comes(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, failure: OSError | None
) -> None:
    data = os.urandom(2 * WRITE_BACK + BLOCK)
    asked: list[tuple[int, int, int]] = []

    def advise(descriptor: int, start: int, length: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED
        asked.append((start, length, os.fstat(descriptor).st_size))
        if failure is not None:
            raise failure

    monkeypatch.setattr(os, "posix_fadvise", advise)

    async def work() -> None:
        spool = Spool(tmp_path, len(data), threads)
        spool.hash_with(ALGORITHMS)
        assert await _fill(spool, data, BLOCK // 4) == _digests(data)
        assert isinstance(spool.content, Path)
        assert spool.content.read_bytes() == data
        await spool.discard()

    _run(work)
    assert asked == [(0, WRITE_BACK, WRITE_BACK), (WRITE_BACK, WRITE_BACK, 2 * WRITE_BACK)]


@pytest.mark.parametrize(("limit", "refused"), [(10, False), (9, True)])
def test_a_file_that_is_too_large_is_refused_as_soon_as_it_is(
    tmp_path: Path, threads: ThreadPoolExecutor, limit: int, *, refused: bool
) -> None:
    async def work() -> None:
        spool = Spool(tmp_path, limit, threads)
        spool.write(bytes(9))
        if refused:
            with pytest.raises(FileTooLargeError):
                spool.write(b"x")
        else:
            spool.write(b"x")
        await spool.discard()

    _run(work)


def test_a_file_that_was_moved_is_not_taken_away(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    async def work() -> None:
        spool = Spool(tmp_path, 100, threads, in_memory=False)
        await _fill(spool, b"data", 10)
        content = spool.content
        assert isinstance(content, Path)
        content.rename(tmp_path / "stored")
        await spool.discard()
        await spool.discard()  # twice changes nothing

    _run(work)
    assert (tmp_path / "stored").read_bytes() == b"data"


def test_a_disk_that_fails_is_a_failure_and_nothing_is_left(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    async def work() -> None:
        (tmp_path / "file").write_text("")
        spool = Spool(tmp_path / "file" / "below", 100, threads, in_memory=False)
        spool.write(b"x")
        with pytest.raises(OSError, match="directory"):
            await spool.finish()
        await spool.discard()

    _run(work)


def test_files_of_dead_processes_are_taken_away_and_others_stay(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    async def work() -> None:
        spool = Spool(tmp_path, 100, threads, in_memory=False)
        await _fill(spool, b"data", 10)
        for name in ("upload-dead.part", "upload-other", "dead.part"):
            (tmp_path / name).write_bytes(b"x")
        clean_up(tmp_path)
        content = spool.content
        assert isinstance(content, Path)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(  # noqa: ASYNC240 - a test
            [content.name, "dead.part", "upload-other"]
        )
        await spool.discard()

    _run(work)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [0, 1, 2 * BLOCK + 1])
def test_a_digest_is_the_same_in_memory_and_on_the_disk(tmp_path: Path, algorithm: str, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    calls: list[int] = []
    assert digest_of(data, algorithm) == _digests(data)[algorithm]
    assert digest_of(tmp_path / "file", algorithm, lambda: calls.append(1)) == _digests(data)[algorithm]
    assert len(calls) == -(-size // BLOCK)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="only some systems take advice about reading")
def test_a_file_is_read_ahead_a_block_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(2 * BLOCK + 5)
    (tmp_path / "file").write_bytes(data)
    advised: list[tuple[int, int, int]] = []
    advise = os.posix_fadvise

    def note(descriptor: int, start: int, length: int, advice: int) -> None:
        advise(descriptor, start, length, advice)  # the kernel takes it
        advised.append((start, length, advice))

    monkeypatch.setattr(os, "posix_fadvise", note)
    blocks: list[int] = []
    found = digest_file(tmp_path / "file", "sha256", lambda: blocks.append(len(advised)))
    assert found == hashlib.sha256(data).hexdigest()
    ahead = [(start, BLOCK, os.POSIX_FADV_WILLNEED) for start in (BLOCK, 2 * BLOCK, len(data))]
    assert advised == [(0, 0, os.POSIX_FADV_RANDOM), *ahead]
    assert blocks == [2, 3, 4]  # the next block is on its way before this one is hashed


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="only some systems take advice about reading")
@pytest.mark.parametrize("refused", ["all", "reading ahead", "unknown"])
def test_a_file_is_read_where_the_system_takes_no_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    data = os.urandom(BLOCK + 5)
    (tmp_path / "file").write_bytes(data)
    asked: list[int] = []

    def refuse(_descriptor: int, _start: int, _length: int, advice: int) -> None:
        asked.append(advice)
        if refused == "all" or advice == os.POSIX_FADV_WILLNEED:
            raise OSError(errno.EINVAL, "no advice")

    if refused == "unknown":
        monkeypatch.delattr(os, "posix_fadvise")
    else:
        monkeypatch.setattr(os, "posix_fadvise", refuse)
    assert digest_file(tmp_path / "file", "sha256") == hashlib.sha256(data).hexdigest()
    assert len(asked) == {"all": 1, "reading ahead": 3, "unknown": 0}[refused]


def test_uploads_are_beside_the_packages_unless_these_are_shared(tmp_path: Path) -> None:
    assert spool_folder(tmp_path, shared=False) == tmp_path / "uploads"
    assert not spool_folder(tmp_path, shared=True).is_relative_to(tmp_path)
