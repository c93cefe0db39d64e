"""Leases in a bucket: one holder at a time, who is found dead by the waiter's own clock alone."""

import asyncio
import json
import time

import pytest

from publisher.server.storage.bucket.leases import BucketLeases
from publisher.server.storage.errors import LeaseLostError, StorageUnavailableError
from tests.helpers.memory_bucket import WatchedObjects, memory_objects, running


def _pair(seconds: float = 30.0) -> tuple[WatchedObjects, BucketLeases, BucketLeases]:
    objects = memory_objects()
    return objects, BucketLeases(objects, seconds), BucketLeases(objects.process(), seconds)


def _entry(objects: WatchedObjects) -> dict[str, object]:
    (key,) = [key for key, _ in objects.walk("leases")]
    found = objects.read(key)
    assert found is not None
    entry: dict[str, object] = json.loads(found.data)
    return entry


@running
async def test_a_lease_is_free_after_its_use_and_its_numbers_grow() -> None:
    objects, one, other = _pair()
    numbers = []
    for leases in (one, other, one):
        async with leases.hold("name", "", 1.0) as lease:
            numbers.append(lease.number)
            await lease.check()
            entry = _entry(objects)
            assert (entry["v"], entry["number"], entry["free"], entry["value"]) == (1, lease.number, False, "")
        assert _entry(objects)["free"] is True
    assert numbers == [1, 2, 3]


@running
async def test_a_lease_is_free_after_a_failure_too() -> None:
    objects, one, other = _pair()
    with pytest.raises(ZeroDivisionError):
        async with one.hold("name", "", 1.0):
            _ = 1 / 0
    assert _entry(objects)["free"] is True
    async with other.hold("name", "", 0.0):
        pass


@running
async def test_a_held_lease_is_refused_after_the_patience() -> None:
    _, one, other = _pair()
    async with one.hold("name", "", 1.0), one.hold("another", "", 0.0):
        began = time.monotonic()
        with pytest.raises(StorageUnavailableError):
            async with other.hold("name", "", 0.06):
                pass
        assert time.monotonic() - began >= 0.06
        with pytest.raises(StorageUnavailableError):
            async with one.hold("name", "", 0.01):  # of the same process
                pass


@running
async def test_a_living_holder_keeps_its_lease_and_a_dead_one_loses_it() -> None:
    objects, one, other = _pair(0.15)
    async with one.hold("name", "", 1.0) as lease:
        with pytest.raises(StorageUnavailableError):
            async with other.hold("name", "", 0.4):
                pass
        beat = _entry(objects)["beat"]
        assert isinstance(beat, int)
        assert beat >= 2
        await lease.check()
        objects.orders.failing["replace"] = StorageUnavailableError()  # it dies
        async with other.hold("name", "", 5.0) as taken:
            assert taken.number == lease.number + 1
            with pytest.raises(LeaseLostError, match="faster"):
                await lease.check()
        objects.orders.failing.clear()
    assert _entry(objects)["holder"] == taken.entry.holder  # which the late one leaves alone


@running
async def test_a_lease_for_the_same_value_is_shared() -> None:
    _, one, other = _pair()
    async with one.hold("name", "digest", 1.0) as lease:
        with pytest.raises(StorageUnavailableError):
            async with other.hold("name", "another", 0.0):
                pass
        async with other.hold("name", "digest", 0.0) as taken:
            await lease.check()
            await taken.check()
    async with one.hold("empty", "", 1.0):
        with pytest.raises(StorageUnavailableError):
            async with other.hold("empty", "", 0.0):
                pass


@running
async def test_a_lease_that_is_gone_is_lost() -> None:
    objects, one, _ = _pair()
    async with one.hold("name", "", 1.0) as lease:
        (key,) = [key for key, _ in objects.walk("leases")]
        objects.remove(key)
        with pytest.raises(LeaseLostError, match="gone"):
            await lease.check()
    assert list(objects.walk("leases")) == []


@running
async def test_of_many_that_take_a_free_lease_one_holds_it_at_a_time() -> None:
    objects = memory_objects()
    held: list[int] = []

    async def work() -> None:
        async with BucketLeases(objects.process()).hold("name", "", 20.0):
            held.append(1)
            assert len(held) == 1
            await asyncio.sleep(0)
            held.pop()

    await asyncio.gather(*(work() for _ in range(4)))
    assert _entry(objects)["number"] == 4


@running
async def test_a_beat_on_its_way_does_not_keep_a_lease_that_is_given_back() -> None:
    objects, one, _ = _pair()
    async with one.hold("name", "", 1.0) as lease:
        await lease.change(lease.entry._replace(beat=7))
        lease.version = '"older"'  # as if its answer were still to come
    entry = _entry(objects)
    assert (entry["free"], entry["beat"]) == (True, 7)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"number": 1}'])
@running
async def test_a_lease_that_is_not_understood_is_not_taken(data: bytes) -> None:
    objects, one, _ = _pair()
    async with one.hold("name", "", 1.0):
        pass
    (key,) = [key for key, _ in objects.walk("leases")]
    objects.overwrite(key, data)
    with pytest.raises(StorageUnavailableError, match="can't be understood"):
        async with one.hold("name", "", 0.0):
            pass


@running
async def test_a_store_that_fails_gives_no_lease_and_the_turn_back() -> None:
    objects, one, _ = _pair()
    for request in ("read", "create"):
        objects.orders.failing[request] = StorageUnavailableError("gone")
        with pytest.raises(StorageUnavailableError, match="gone"):
            async with one.hold("name", "", 0.0):
                pass
        objects.orders.failing.clear()
    async with one.hold("name", "", 0.0):
        objects.orders.failing["replace"] = StorageUnavailableError()
    assert _entry(objects)["free"] is False  # it ends on its own
    with pytest.raises(StorageUnavailableError):
        async with one.hold("name", "", 0.0):
            pass


@running
async def test_who_waits_for_a_lease_asks_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    _, one, other = _pair(9.0)
    free, pauses = asyncio.Event(), list[float]()
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        if asyncio.current_task() is not waiting:  # it renews a lease
            await sleep(seconds)
            return
        pauses.append(seconds)
        if len(pauses) == 7:
            free.set()
            await sleep(0.2)

    async def wait() -> None:
        async with other.hold("name", "", 60.0):
            pass

    async def hold() -> None:
        async with one.hold("name", "", 1.0):
            held.set()
            await free.wait()

    held = asyncio.Event()
    holding = asyncio.create_task(hold())
    await held.wait()
    monkeypatch.setattr(asyncio, "sleep", pause)
    waiting = asyncio.create_task(wait())
    await asyncio.gather(holding, waiting)
    assert pauses[:7] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
