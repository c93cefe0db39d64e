"""Large files of a volume: one copy for all who read it, made in pieces, bounded, never of another file."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publisher.server.storage import localcopies
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.localcopies import LocalCopies, stamp_of
from tests.storage.test_conformance import _write
from tests.storage.worlds import Containers

SIZE = 40_000


async def _in_thread(work: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(work)


@pytest.fixture
def large(containers: Containers, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Path]:
    """A storage with one file of forty pieces."""
    monkeypatch.setattr(localcopies, "PIECE", 1000)
    storage = containers.writer()
    path = containers.mounts[storage].folder / "large"
    path.write_bytes(os.urandom(SIZE))
    return storage, path


def test_many_readers_share_one_copy(large: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    storage, path = large
    read: list[int] = []
    piece = localcopies._read_piece

    def counted(*asked: Any) -> bytes:
        read.append(asked[2])
        return piece(*asked)

    monkeypatch.setattr(localcopies, "_read_piece", counted)

    async def run() -> None:
        copies = LocalCopies(storage, _in_thread)
        stamp = stamp_of(path.stat())
        files = await asyncio.gather(*(copies.open(str(path), stamp) for _ in range(20)))
        assert len(read) == SIZE // 1000
        assert await copies.read(str(path), stamp, 10, 5) == path.read_bytes()[10:15]
        assert len(read) == SIZE // 1000 + 1
        for file in files:
            with file:
                assert os.pread(file.fileno(), SIZE, 0) == path.read_bytes()

    asyncio.run(run())


def test_a_reload_waits_for_a_piece_and_not_for_the_copy(
    large: tuple[Any, Path], containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, path = large
    piece = localcopies._read_piece
    read = 0

    def counted(*asked: Any) -> bytes:
        nonlocal read
        read += 1
        return piece(*asked)

    monkeypatch.setattr(localcopies, "_read_piece", counted)

    async def run() -> None:
        await _write(containers.writer(), "other", b"x")
        copies = LocalCopies(storage, _in_thread)
        copying = asyncio.create_task(copies.open(str(path), stamp_of(path.stat())))
        while not read:  # noqa: ASYNC110 - a thread counts
            await asyncio.sleep(0)
        await storage.refresh()
        assert containers.mounts[storage].reloads == 1
        assert read < SIZE // 1000
        with await copying as file:
            assert os.pread(file.fileno(), SIZE, 0) == path.read_bytes()

    asyncio.run(run())


def test_copies_are_bounded_and_never_of_another_file(large: tuple[Any, Path]) -> None:
    storage, path = large

    async def run() -> None:
        copies = LocalCopies(storage, _in_thread, limit=SIZE)
        stamp = stamp_of(path.stat())
        with await copies.open(str(path), stamp) as first:
            path.with_name("second").write_bytes(b"x" * SIZE)
            second = str(path.with_name("second"))
            with await copies.open(second, stamp_of(os.stat(second))):  # noqa: PTH116
                assert len(copies._copies) == 1
            assert os.pread(first.fileno(), SIZE, 0) == path.read_bytes()
        path.write_bytes(b"another")
        with pytest.raises(StorageUnavailableError):
            await copies.open(str(path), stamp)
        with pytest.raises(StorageUnavailableError):
            await copies.read(str(path), stamp, 0, 10)

    asyncio.run(run())


def test_a_copy_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    descriptor = localcopies._new_copy()
    try:
        assert os.write(descriptor, b"x") == 1
        assert not list(tmp_path.iterdir())
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        (3 * SIZE, [0, 1, 2]),
        (3 * SIZE - 1, [1, 2]),
        (2 * SIZE, [1, 2]),
        (2 * SIZE - 1, [2]),
        (SIZE, [2]),
        (SIZE - 1, []),
    ],
)
def test_the_copies_used_longest_ago_are_closed_first(large: tuple[Any, Path], limit: int, left: list[int]) -> None:
    storage, path = large

    async def run() -> None:
        copies = LocalCopies(storage, _in_thread, limit=10 * SIZE)
        paths = [path.with_name(f"file-{number}") for number in range(3)]
        for each in paths:
            each.write_bytes(os.urandom(SIZE))
        keys = [(str(each), stamp_of(each.stat())) for each in paths]
        for number in (1, 0, 2, 0, 1, 2):  # their last uses count, not their first ones
            (await copies.open(*keys[number])).close()
        descriptors = [copies._copies[key].result() for key in keys]
        copies._limit = limit
        copies._shrink()
        assert list(copies._copies) == [keys[number] for number in left]
        for number, descriptor in enumerate(descriptors):
            if number in left:
                os.fstat(descriptor)
            else:
                with pytest.raises(OSError, match="Bad file descriptor"):
                    os.fstat(descriptor)
        for number in left:
            os.close(descriptors[number])

    asyncio.run(run())


def test_a_copy_that_is_still_being_made_is_not_closed(large: tuple[Any, Path]) -> None:
    storage, path = large

    async def run() -> None:
        let_go = asyncio.Event()

        async def in_thread(work: Callable[[], Any]) -> Any:
            await let_go.wait()
            return work()

        copies = LocalCopies(storage, in_thread, limit=0)
        stamp = stamp_of(path.stat())
        opening = asyncio.create_task(copies.open(str(path), stamp))
        while not copies._copies:  # noqa: ASYNC110 - the task puts it there
            await asyncio.sleep(0)
        copies._shrink()
        assert len(copies._copies) == 1
        let_go.set()
        with await opening as file:
            assert os.pread(file.fileno(), SIZE, 0) == path.read_bytes()
        assert not copies._copies

    asyncio.run(run())


def test_a_failed_copy_is_tried_again_and_leaves_no_descriptor(
    large: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, path = large
    stamp = stamp_of(path.stat())
    made: list[int] = []
    new_copy = localcopies._new_copy

    def noted() -> int:
        made.append(new_copy())
        return made[-1]

    monkeypatch.setattr(localcopies, "_new_copy", noted)

    async def run() -> None:
        copies = LocalCopies(storage, _in_thread)
        away = path.rename(path.with_name("away"))
        with pytest.raises(StorageUnavailableError):
            await copies.open(str(path), stamp)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(made[0])
        away.rename(path)
        with await copies.open(str(path), stamp) as file:
            assert os.pread(file.fileno(), SIZE, 0) == path.read_bytes()

    asyncio.run(run())


@pytest.mark.parametrize(("first", "size", "read"), [(0, 100, 100), (90, 10, 10), (90, 100, 10), (100, 5, 0)])
def test_a_piece_ends_with_its_file(tmp_path: Path, first: int, size: int, read: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(100)))
    piece = localcopies._read_piece(str(path), stamp_of(path.stat()), first, size)
    assert piece == bytes(range(100))[first : first + read]


def test_a_file_that_is_cut_while_it_is_read_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    monkeypatch.setattr(os, "pread", lambda _descriptor, size, _first: bytes(size - 1))
    with pytest.raises(OSError, match="shorter than it was"):
        localcopies._read_piece(str(path), stamp_of(path.stat()), 0, 100)
    assert localcopies.COPIED_BYTES == 4 * 1024**3
