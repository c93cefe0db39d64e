"""A volume whose reloads and commits fail or are slow, or whose containers are killed: nothing wrong is concluded."""

import asyncio
import os
import random
import time

import pytest

from publisher.server.storage.base import Lease, Storage
from publisher.server.storage.errors import (
    AbsentError,
    LeaseLostError,
    NotDurableError,
    StorageUnavailableError,
)
from publisher.server.storage.folder import COPIES
from tests.storage.test_conformance import _read, _write
from tests.storage.worlds import TIMES, Containers


async def _create(storage: Storage, lease: Lease) -> None:
    async with storage.writing(lease) as files:
        files.create("file", b"x")


def test_a_failed_reload_is_no_answer(containers: Containers) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        await _write(one, "file", b"x")
        containers.mounts[other].trouble.failing_reloads = 2
        with pytest.raises(StorageUnavailableError):
            await other.refresh()
        with pytest.raises(StorageUnavailableError):
            await _write(other, "more", b"y")
        assert await _read(other, "file") == b"x"

    asyncio.run(run())


def test_without_the_dictionary_nothing_is_known_or_written(containers: Containers) -> None:
    async def run() -> None:
        storage = containers.writer()
        await _write(storage, "file", b"x")
        containers.lines[storage].cut = True
        with pytest.raises(StorageUnavailableError):
            await storage.refresh()
        with pytest.raises(StorageUnavailableError):
            await _write(storage, "more", b"y")
        with pytest.raises(StorageUnavailableError):
            async with storage.lease("name", patience=0.2):
                pass
        async with storage.reading() as files:
            assert files.read("file") == b"x"
            with pytest.raises(AbsentError):
                files.read("more")

    asyncio.run(run())


def test_no_request_reads_while_the_volume_looks_empty(containers: Containers) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        await _write(one, "file", b"x")
        await other.refresh()
        containers.mounts[other].trouble.slow_reload = 0.2
        await _write(one, "more", b"y")
        reloading = asyncio.create_task(other.refresh())
        while not other.reading_paused:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)
        with pytest.raises(StorageUnavailableError):
            other.known_version("file")
        assert await _read(other, "file") == b"x"
        await reloading

    asyncio.run(run())


def test_a_container_that_is_idle_does_nothing_and_one_that_is_current_does_not_reload(containers: Containers) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        await _write(one, "file", b"x")
        await other.refresh()
        mount, reads = containers.mounts[other], containers.entries.reads
        before = mount.reloads
        await asyncio.sleep(0.3)
        assert containers.entries.reads == reads
        for _ in range(5):
            await other.refresh()
        assert mount.reloads == before
        await asyncio.gather(*(other.refresh() for _ in range(100)))
        assert containers.entries.reads <= reads + 5 + 2
        del containers.entries.entries[next(key for key in containers.entries.entries if key.startswith("changes/"))]
        await other.refresh()  # an entry that has expired
        assert mount.reloads == before + 1

    asyncio.run(run())


@pytest.mark.parametrize("committed", [False, True])
def test_after_a_writer_is_killed_no_container_is_current(containers: Containers, *, committed: bool) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        await other.refresh()

        async def die() -> None:
            async with one.writing() as files:
                files.create("file", b"x")
                if committed:
                    await asyncio.to_thread(containers.mounts[one].commit)
                containers.kill(one)
                raise ConnectionError

        with pytest.raises(ConnectionError):
            await die()
        before = containers.mounts[other].reloads
        await other.refresh()
        assert containers.mounts[other].reloads == before + 1
        await asyncio.sleep(TIMES.longest_commit)
        if not committed:  # it has arrived at last
            (containers.volume.store / "late").write_bytes(b"late")
        await other.refresh()
        assert containers.mounts[other].reloads == before + 2
        async with other.reading() as files:
            assert files.read("late" if not committed else "file")
        await other.refresh()
        assert containers.mounts[other].reloads == before + 2  # it is given up

    asyncio.run(run())


def test_what_could_not_be_committed_is_committed_before_anything_is_acknowledged(containers: Containers) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        containers.mounts[one].trouble.failing_commits = 1
        with pytest.raises(NotDurableError):
            await _write(one, "file", b"x")
        with pytest.raises(AbsentError):
            await _read(other, "file")
        async with one.writing() as files:  # changes nothing, and finds it there
            assert files.read("file") == b"x"
        assert await _read(other, "file") == b"x"
        await one.stop()

    asyncio.run(run())


def test_the_lease_of_what_is_not_durable_is_kept_until_it_is(containers: Containers) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        containers.mounts[one].trouble.failing_commits = 10**6
        with pytest.raises(NotDurableError) as caught:
            async with one.lease("accounts") as lease, one.writing(lease) as files:
                files.create("accounts", b"first")
        with pytest.raises(StorageUnavailableError):
            async with other.lease("accounts", patience=0.3):
                pass
        containers.mounts[one].trouble.failing_commits = 0
        settled = caught.value.settled
        assert settled is not None
        await settled
        async with other.lease("accounts") as lease, other.writing(lease) as files:
            assert files.read("accounts") == b"first"

    asyncio.run(run())


def test_the_lease_of_a_dead_holder_is_taken_over_and_that_of_a_living_one_is_not(containers: Containers) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        async with one.lease("name") as living:
            with pytest.raises(StorageUnavailableError):  # several times longer than a lease lasts without renewal
                async with other.lease("name", patience=3 * TIMES.lease):
                    pass
            await living.check()
            containers.kill(one)
            async with other.lease("name", patience=3 * TIMES.lease) as taken:
                assert taken.number == living.number + 1
                containers.lines[one].cut = False
                with pytest.raises(LeaseLostError):
                    await living.check()
                with pytest.raises(LeaseLostError):
                    await _create(one, living)
        with pytest.raises(AbsentError):
            await _read(other, "file")

    asyncio.run(run())


def test_the_same_bytes_may_be_sent_again_at_once(containers: Containers) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        async with one.lease("file", "digest") as dead:
            started = time.monotonic()
            async with other.lease("file", "digest", patience=0.3) as lease, other.writing(lease) as files:
                files.create("file", b"x")
            assert time.monotonic() - started < TIMES.lease
            await dead.check()  # both write the same
            async with other.lease("file", "another digest", patience=0.5):
                with pytest.raises(LeaseLostError):
                    await dead.check()

    asyncio.run(run())


def test_clocks_that_disagree_change_nothing(containers: Containers, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        writers = [containers.writer(), containers.writer()]
        await _write(writers[0], "counter", b"0")

        async def count(writer: Storage) -> None:
            async with writer.lease("counter") as lease, writer.writing(lease) as files:
                value = int(files.read("counter"))
                files.replace("counter", b"%d" % (value + 1), files.stat("counter").version)

        await asyncio.gather(*(count(writers[number % 2]) for number in range(6)))
        assert await _read(writers[0], "counter") == b"6"

    clock = random.Random(1)
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + clock.uniform(-300, 300))
    asyncio.run(run())


def _take_over(containers: Containers, lease: Lease) -> None:
    """Let another container take the next number, as it does after a holder did not renew its lease."""
    containers.entries.entries[f"lease/packages/name#{lease.number + 1}"] = ("another", 0, "")


def test_a_lease_that_was_lost_before_a_change_prevents_it(containers: Containers) -> None:
    async def run() -> None:
        storage = containers.writer()
        begun = False

        async def change(lease: Lease) -> None:
            nonlocal begun
            async with storage.writing(lease):
                begun = True

        async with storage.lease("name") as lease:
            _take_over(containers, lease)
            with pytest.raises(LeaseLostError):
                await change(lease)
        assert not begun

    asyncio.run(run())


def test_a_lease_that_is_lost_during_a_change_leaves_nothing_of_it(containers: Containers) -> None:
    async def run() -> None:
        storage = containers.writer()

        async def change(lease: Lease) -> None:
            async with storage.writing(lease) as files:
                files.create("file", b"x")
                _take_over(containers, lease)

        async with storage.lease("name") as lease:
            with pytest.raises(LeaseLostError):
                await change(lease)
        assert not (containers.volume.store / "file").exists()
        with pytest.raises(AbsentError):
            await _read(storage, "file")

    asyncio.run(run())


def test_a_reload_keeps_what_was_changed_and_not_committed_yet(containers: Containers) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        for name in ("removed", "replaced"):
            await _write(one, name, b"first")
        mount = containers.mounts[one]
        (mount.folder / "removed").unlink()
        (mount.folder / "replaced").write_bytes(b"second")
        (mount.folder / "new").write_bytes(b"new")
        for step in (mount.reload, mount.commit, containers.mounts[other].reload):
            step()
        left = {path.name: path.read_bytes() for path in containers.mounts[other].folder.iterdir() if path.is_file()}
        assert left == {"replaced": b"second", "new": b"new"}

    asyncio.run(run())


def test_after_failed_commits_the_container_s_entry_is_settled_again(containers: Containers) -> None:
    async def run() -> None:
        one, other = containers.writer(), containers.writer()
        containers.mounts[one].trouble.failing_commits = 3  # two of them in the background
        failures = []
        for name in ("first", "second"):
            with pytest.raises(NotDurableError) as caught:
                await _write(one, name, b"x")
            failures.append(caught.value.settled)
        settled, again = failures
        assert settled is not None
        assert settled is again
        await settled
        (entry,) = (value for key, value in containers.entries.entries.items() if key.startswith("changes/"))
        assert entry[0] == "settled"
        for _ in range(2):
            await other.refresh()
            reloads = containers.mounts[other].reloads
        assert await _read(other, "first") == b"x"
        await other.refresh()
        assert containers.mounts[other].reloads == reloads

    asyncio.run(run())


def test_a_storage_that_has_stopped_commits_no_more(containers: Containers) -> None:
    async def run() -> None:
        storage = containers.writer()
        await storage.stop()
        containers.mounts[storage].trouble.failing_commits = 10**6
        with pytest.raises(NotDurableError) as caught:
            await _write(storage, "file", b"x")
        settled = caught.value.settled
        assert settled is not None
        assert not settled.done()
        await storage.stop()
        assert settled.cancelled()

    asyncio.run(run())


def test_a_change_that_failed_has_ended_for_the_others_too(containers: Containers) -> None:
    async def run() -> None:
        one = containers.writer()

        async def fail() -> None:
            async with one.writing() as files:
                files.append("log", b"line\n")
                raise ConnectionError

        with pytest.raises(ConnectionError):
            await fail()
        (entry,) = (value for key, value in containers.entries.entries.items() if key.startswith("changes/"))
        assert entry[0] == "settled"
        async with containers.writer().reading() as files:
            assert files.lines("log") == [b"line"]

    asyncio.run(run())


def test_a_start_removes_copies_that_killed_containers_left(containers: Containers) -> None:
    async def run() -> None:
        storage = containers.writer()
        copies = containers.mounts[storage].folder / COPIES
        copies.mkdir(parents=True)
        for name in ("left.part", "of-another-now.part"):
            (copies / name).write_bytes(b"x")
        os.utime(copies / "left.part", (0, 0))
        await storage.start()
        assert [path.name for path in copies.iterdir()] == ["of-another-now.part"]

    asyncio.run(run())
