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
