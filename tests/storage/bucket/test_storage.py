"""One process's view of a bucket: versions without waiting, claims, and the identifier before everything."""

import asyncio
import json
import time

import pytest

from publisher.server.storage.bucket.storage import BucketStorage, BucketTimes
from publisher.server.storage.errors import LeaseLostError, StorageUnavailableError
from tests.helpers.memory_bucket import memory_index, running


def _storage(folder: str = "") -> BucketStorage:
    process = memory_index()
    return BucketStorage(process.objects, process.storage.identity, folder)


@running
async def test_a_version_is_known_after_a_refresh_alone() -> None:
    storage = _storage()
    for _ in range(2):
        with pytest.raises(StorageUnavailableError):
            storage.known_version("file")
    assert not storage.is_recent()
    await storage.refresh()
    assert storage.is_recent()
    assert storage.known_version("file") is None
    generation = storage.generation
    async with storage.writing() as files:
        version = files.create("file", b"x").version
    assert storage.known_version("file") is None  # as of then
    await storage.refresh()
    assert storage.known_version("file") == version
    assert storage.generation == generation + 1
    await storage.refresh()
    assert storage.generation == generation + 1
    with pytest.raises(StorageUnavailableError):
        storage.known_version("another")
    assert not storage.is_recent()  # there is something to look for
    with pytest.raises(StorageUnavailableError):
        storage.known_version("file")
    await storage.refresh()
    assert (storage.known_version("file"), storage.known_version("another")) == (version, None)


@running
async def test_a_view_is_recent_for_two_seconds() -> None:
    storage = _storage()
    await storage.start()
    storage._refresh.began -= 1.9
    assert storage.is_recent()
    storage._refresh.began -= 0.2
    assert not storage.is_recent()
    quick = BucketStorage(storage.objects, storage.identity, times=BucketTimes(recent=0.5))
    await quick.refresh()
    quick._refresh.began -= 0.6
    assert not quick.is_recent()


@running
async def test_a_refresh_that_has_begun_since_is_not_repeated() -> None:
    process = memory_index()
    storage = process.storage
    before = time.monotonic()
    await storage.refresh()
    process.orders.take()
    await storage.refresh(before)
    assert process.orders.take() == []
    storage.identity._seen = float("-inf")
    await storage.refresh(time.monotonic())
    assert process.orders.take() == ["read index.json"]


@running
async def test_nothing_is_read_written_leased_or_claimed_without_the_identifier() -> None:
    process = memory_index()
    storage = process.storage
    process.objects.remove("index.json")
    before = process.keys()

    async def read() -> None:
        async with storage.reading():
            pass

    async def write() -> None:
        async with storage.writing():
            pass

    async def lease() -> None:
        async with storage.lease("a"):
            pass

    for use in (read, write, lease, lambda: storage.claim_once("a", "b", 1.0), storage.refresh):
        with pytest.raises(StorageUnavailableError):
            await use()
    assert process.keys() == before


@running
async def test_a_folder_has_files_leases_and_claims_of_its_own() -> None:
    process = memory_index()
    below = BucketStorage(process.objects, process.storage.identity, "accounts")
    async with below.lease("a"), process.storage.lease("a", patience=0.0):
        pass
    await below.claim_once("name", "one", 60.0)
    assert await process.storage.claim_once("name", "two", 60.0) == "two"
    async with below.writing() as files:
        files.create("file", b"x")
    found = process.keys()
    assert {key.split("/")[0] for key in found} == {"accounts", "index.json", "leases", "once"}
    assert "accounts/file" in found
    assert process.storage.writer != below.writer


@running
async def test_files_are_replaced_under_a_lease_that_is_held() -> None:
    process = memory_index()
    storage = process.storage
    async with storage.writing() as files:
        version = files.create("a", b"x").version
        with pytest.raises(RuntimeError):
            files.remove("a")
    async with storage.reading() as files:
        with pytest.raises(RuntimeError):
            files.replace("a", b"y", version)
    async with storage.lease("a") as lease:
        async with storage.writing(lease) as files:
            files.replace("a", b"y", version)
        for key in process.keys("leases"):
            process.objects.remove(key)
        with pytest.raises(LeaseLostError):
            async with storage.writing(lease):
                raise AssertionError("the lease is lost")


@running
async def test_a_claim_is_the_first_ones_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    process = memory_index()
    one, other = process.storage, process.another().storage
    now = time.time()
    assert await one.claim_once("name", "first", 10.0) == "first"
    assert await other.claim_once("name", "second", 10.0) == "first"
    assert await other.claim_once("another", "second", 10.0) == "second"
    monkeypatch.setattr(time, "time", lambda: now + 9)
    assert await other.claim_once("name", "second", 10.0) == "first"
    monkeypatch.setattr(time, "time", lambda: now + 11)
    assert await other.claim_once("name", "second", 10.0) == "second"
    assert await one.claim_once("name", "third", 10.0) == "second"
    found = process.objects.read(process.keys("once")[0])
    assert found is not None
    assert set(json.loads(found.data)) == {"value", "until"}


@running
async def test_of_many_claims_one_wins_also_of_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    process = memory_index()
    for later in (0, 100):
        now = time.time() + later
        monkeypatch.setattr(time, "time", lambda now=now: now)
        claims = [process.another().storage.claim_once("name", f"{later}-{n}", 10.0) for n in range(8)]
        won = set(await asyncio.gather(*claims))
        assert len(won) == 1
        assert won.pop().startswith(f"{later}-")
