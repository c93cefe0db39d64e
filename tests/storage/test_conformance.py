"""The guarantees of every storage, each with two writers."""

import asyncio
import hashlib
import time
from contextlib import suppress
from pathlib import Path

import pytest

from publisher.server.storage.base import Storage, put
from publisher.server.storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    StorageUnavailableError,
)
from tests.storage.worlds import World


async def _write(storage: Storage, key: str, data: bytes) -> None:
    async with storage.writing() as files:
        await asyncio.to_thread(files.create, key, data)


async def _read(storage: Storage, key: str) -> bytes:
    await storage.refresh()
    async with storage.reading() as files:
        return await asyncio.to_thread(files.read, key)


def test_a_file_is_there_for_every_writer_once_it_was_acknowledged(world: World) -> None:
    async def run() -> None:
        one, other = world.writer(), world.writer()
        for number, (writer, reader) in enumerate([(one, other), (other, one)] * 3):
            await _write(writer, f"a/{number}", b"%d" % number)
            assert await _read(reader, f"a/{number}") == b"%d" % number
        async with other.reading() as files:
            assert list(files.list("a")) == [str(number) for number in range(6)]
            assert files.list("nothing") == []
            assert files.stat("a/3").size == 1

    asyncio.run(run())


def test_a_version_is_known_without_waiting_and_follows_the_contents(world: World) -> None:
    async def run() -> None:
        one, other = world.writer(), world.writer()
        with suppress(StorageUnavailableError):  # a storage may have to look for what it was never asked for
            other.known_version("file")
        await other.refresh()
        assert other.known_version("file") is None
        seen = set()
        for data in (b"first", b"second", b"third"):
            async with one.lease("file") as lease, one.writing(lease) as files:
                await asyncio.to_thread(put, files, "file", data)
            await other.refresh()
            async with other.reading() as files:
                assert other.known_version("file") == files.stat("file").version
            seen.add(other.known_version("file"))
        assert len(seen) == 3

    asyncio.run(run())


def test_a_storage_is_recent_for_no_longer_than_it_declares(world: World) -> None:
    async def run() -> None:
        storage = world.writer()
        assert (storage.oldest_page > 0) == storage.shared
        await storage.refresh()
        refreshed = time.monotonic()
        while storage.shared and storage.is_recent():
            assert time.monotonic() - refreshed <= storage.oldest_page + 0.5
            await asyncio.sleep(0.02)
        assert storage.is_recent() == (storage.oldest_page == 0)

    asyncio.run(run())


def test_absent_is_distinguished_from_unknown(world: World) -> None:
    async def run() -> None:
        storage = world.writer()
        await _write(storage, "folder/file", b"x")
        async with storage.reading() as files:
            for key in ("nothing", "folder/nothing", "folder/file/nothing"):
                with pytest.raises(AbsentError):
                    files.read(key)
                with pytest.raises(AbsentError):
                    files.stat(key)
            world.make_unreadable(storage, "folder/file")
            with pytest.raises(StorageUnavailableError):
                files.read("folder/file")

    asyncio.run(run())


def test_a_range_is_read_without_the_rest(world: World) -> None:
    async def run() -> None:
        storage = world.writer()
        await _write(storage, "file", b"0123456789")
        async with storage.reading() as files:
            assert files.read("file", 3, 4) == b"3456"
            assert files.read("file", 8) == b"89"
            assert files.read("file", 12, 4) == b""

    asyncio.run(run())


def test_exactly_one_of_many_creates_a_file(world: World, tmp_path: Path) -> None:
    async def run() -> None:
        writers = [world.writer() for _ in range(3)]
        won: list[bytes] = []

        async def create(number: int) -> None:
            data = b"%04d" % number
            source = tmp_path / f"source-{number}"
            source.write_bytes(data)
            writer = writers[number % 3]
            async with writer.lease("name", data.decode()) as lease:
                try:
                    async with writer.writing(lease) as files:
                        await asyncio.to_thread(files.create, "name", source if number % 2 else data)
                    won.append(data)
                except ExistsError:
                    pass

        await asyncio.gather(*(create(number) for number in range(12)))
        assert len(won) == 1
        for writer in writers:
            assert await _read(writer, "name") == won[0]

    asyncio.run(run())


def test_creating_what_is_there_changes_nothing(world: World) -> None:
    async def run() -> None:
        storage = world.writer()
        await _write(storage, "name", b"first")
        with pytest.raises(ExistsError):
            await _write(storage, "name", b"second")
        assert await _read(storage, "name") == b"first"

    asyncio.run(run())


def test_no_replacement_is_lost(world: World) -> None:
    async def run() -> None:
        writers = [world.writer(), world.writer()]
        await _write(writers[0], "counter", b"0")

        async def count(writer: Storage) -> None:
            async with writer.lease("counter") as lease, writer.writing(lease) as files:
                version = files.stat("counter").version
                value = int(files.read("counter"))
                await asyncio.to_thread(files.replace, "counter", b"%d" % (value + 1), version)

        await asyncio.gather(*(count(writers[number % 2]) for number in range(10)))
        assert await _read(writers[0], "counter") == await _read(writers[1], "counter") == b"10"

    asyncio.run(run())


def test_what_changed_meanwhile_is_not_replaced(world: World) -> None:
    async def run() -> None:
        storage = world.writer()
        await _write(storage, "file", b"first")
        async with storage.lease("file") as lease, storage.writing(lease) as files:
            version = files.stat("file").version
            files.replace("file", b"second", version)
            with pytest.raises(ChangedError):
                files.replace("file", b"third", version)
            with pytest.raises(ChangedError):
                files.replace("file", b"third", None)
            with pytest.raises(ChangedError):
                files.replace("absent", b"x", version)
            files.replace("new", b"x", None)
        assert await _read(storage, "file") == b"second"

    asyncio.run(run())


def test_nothing_is_replaced_or_removed_without_a_lease(world: World) -> None:
    async def run() -> None:
        storage = world.writer()
        await _write(storage, "file", b"first")
        for use in (storage.writing, storage.reading):
            async with use() as files:
                version = files.stat("file").version
                with pytest.raises(RuntimeError, match="under a lease"):
                    files.replace("file", b"second", version)
                with pytest.raises(RuntimeError, match="under a lease"):
                    files.remove("file")
        assert await _read(storage, "file") == b"first"

    asyncio.run(run())


def test_what_is_removed_is_gone_for_everybody(world: World) -> None:
    async def run() -> None:
        one, other = world.writer(), world.writer()
        await _write(one, "file", b"x")
        assert await _read(other, "file") == b"x"
        async with one.lease("file") as lease, one.writing(lease) as files:
            files.remove("file")
            files.remove("file")
        with pytest.raises(AbsentError):
            await _read(other, "file")

    asyncio.run(run())


def test_batches_of_several_writers_are_all_kept_and_whole(world: World) -> None:
    async def run() -> None:
        writers = [world.writer() for _ in range(3)]

        async def append(number: int) -> None:
            lines = b"".join(b"%d:%d\n" % (number, line) for line in range(50))
            async with writers[number % 3].writing() as files:
                await asyncio.to_thread(files.append, "logs/log", lines)

        await asyncio.gather(*(append(number) for number in range(12)))
        for writer in writers:
            await writer.refresh()
            async with writer.reading() as files:
                lines = files.lines("logs/log")
            assert len(lines) == 12 * 50
            for number in range(12):
                mine = [line for line in lines if line.startswith(b"%d:" % number)]
                assert mine == [b"%d:%d" % (number, line) for line in range(50)]

    asyncio.run(run())


def test_a_lease_is_held_by_one_and_its_numbers_grow(world: World) -> None:
    async def run() -> None:
        writers = [world.writer(), world.writer()]
        holding = 0
        numbers: list[int] = []

        async def hold(writer: Storage) -> None:
            nonlocal holding
            async with writer.lease("name") as lease:
                holding += 1
                assert holding == 1
                numbers.append(lease.number)
                await asyncio.sleep(0.01)
                await lease.check()
                holding -= 1

        await asyncio.gather(*(hold(writers[number % 2]) for number in range(8)))
        assert numbers == sorted(set(numbers))
        assert len(numbers) == 8

    asyncio.run(run())


def test_a_held_lease_is_waited_for_no_longer_than_the_patience(world: World) -> None:
    async def run() -> None:
        one, other = world.writer(), world.writer()
        async with one.lease("name"):
            with pytest.raises(StorageUnavailableError):
                async with other.lease("name", patience=0.2):
                    pass
        async with other.lease("name", patience=0.2):
            pass

    asyncio.run(run())


def test_a_claim_is_for_the_first(world: World) -> None:
    async def run() -> None:
        one, other = world.writer(), world.writer()
        values = await asyncio.gather(*((one, other)[n % 2].claim_once("token", str(n), 60) for n in range(10)))
        assert len(set(values)) == 1
        assert await other.claim_once("another token", "x", 60) == "x"

    asyncio.run(run())


def test_a_large_file_arrives_whole(world: World, tmp_path: Path) -> None:
    async def run() -> None:
        one, other = world.writer(), world.writer()
        source = tmp_path / "large"
        source.write_bytes(bytes(range(256)) * 40_000)
        async with one.writing() as files:
            await asyncio.to_thread(files.create, "large", source)
        assert hashlib.sha256(await _read(other, "large")).digest() == hashlib.sha256(source.read_bytes()).digest()

    asyncio.run(run())
