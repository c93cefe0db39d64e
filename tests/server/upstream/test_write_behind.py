"""Writes that no request waits for: together and in order, at once where they must, and all of them at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from publisher.server.upstream import write_behind
from publisher.server.upstream.write_behind import WriteBehind

NEVER = 1000.0


def run(work: Callable[[WriteBehind], Awaitable[None]], limit: int = 100) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            behind = WriteBehind(threads, limit)
            async with asyncio.timeout(20):
                await work(behind)
                await behind.stop()

    asyncio.run(main())


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no moment be quiet before the end of a test."""
    monkeypatch.setattr(write_behind, "QUIET", NEVER)
    monkeypatch.setattr(write_behind, "LATEST", NEVER)


def test_writes_are_done_in_a_quiet_moment_in_their_order() -> None:
    done: list[int] = []

    async def work(behind: WriteBehind) -> None:
        written = [behind.add(1, lambda number=number: done.append(number)) for number in range(3)]  # type: ignore[misc]
        assert done == []
        await asyncio.gather(*written)
        assert done == [0, 1, 2]
        await behind.add(1, lambda: done.append(3))
        assert done == [0, 1, 2, 3]

    run(work)


@pytest.mark.usefixtures("unhurried")
def test_the_end_does_what_waits() -> None:
    done: list[str] = []

    async def work(behind: WriteBehind) -> None:
        await behind.stop()
        written = behind.add(1, lambda: done.append("written"))
        await asyncio.sleep(0)
        assert not written.done()
        await behind.stop()
        assert (written.done(), done) == (True, ["written"])

    run(work)


@pytest.mark.usefixtures("unhurried")
def test_more_than_half_of_the_bytes_hurry() -> None:
    done: list[int] = []

    async def work(behind: WriteBehind) -> None:
        first = behind.add(50, lambda: done.append(1))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not first.done()
        second = behind.add(1, lambda: done.append(2))
        await asyncio.gather(first, second)
        again = behind.add(50, lambda: done.append(3))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not again.done(), "the hurry is over, and the bytes are counted anew"

    run(work)
    assert done == [1, 2, 3]


@pytest.mark.usefixtures("unhurried")
def test_bytes_above_the_limit_wait_for_the_disk() -> None:
    async def work(behind: WriteBehind) -> None:
        full, written = [behind.is_full], []
        for size in (60, 40, 1):
            written.append(behind.add(size, lambda: None))
            full.append(behind.is_full)
        await asyncio.gather(*written)
        assert [*full, behind.is_full] == [False, False, False, True, False]

    run(work)


def test_after_the_latest_time_nothing_waits_for_a_quiet_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_behind, "QUIET", NEVER)
    monkeypatch.setattr(write_behind, "LATEST", 0.0)

    async def work(behind: WriteBehind) -> None:
        await behind.add(1, lambda: None)

    run(work)


def test_a_write_that_fails_is_logged_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError("the disk is full")

    async def work(behind: WriteBehind) -> None:
        await asyncio.gather(behind.add(1, fail), behind.add(1, lambda: done.append("written")))

    run(work)
    assert done == ["written"]
    assert caplog.messages == ["can't write to the cache of public packages: the disk is full"]
