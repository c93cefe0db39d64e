"""Cleaning a bucket: at intervals, by one process at a time, and never in the way of anything else."""

import asyncio
import logging

import pytest

from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.bucket import cleaning, leftovers
from publisher.server.store.bucket.cleaning import Cleaning
from tests.helpers.memory_bucket import Process, memory_index, running


def _left(process: Process, number: int) -> str:
    key = f"files/acme/{process.storage.identity.identifier[:12]}-{number}/acme-1.0.tar.gz"
    process.objects.process().create(key, b"x")
    return key


@running
async def test_what_is_removed_is_in_the_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    process = memory_index()
    key = _left(process, 1)
    made = Cleaning(process.storage, process.catalog.workers)
    assert await made.clean() == []
    assert caplog.text == ""
    monkeypatch.setattr(leftovers, "KEPT_SECONDS", 0)
    assert await made.clean() == [key]
    assert f"removed {key}" in caplog.text
    assert await made.clean() == []


@running
async def test_two_processes_never_clean_at_a_time() -> None:
    process = memory_index()
    other = process.another()
    async with other.storage.lease("cleaning"):
        with pytest.raises(StorageUnavailableError):
            await Cleaning(process.storage, process.catalog.workers).clean()
    assert await Cleaning(process.storage, process.catalog.workers).clean() == []


@running
async def test_it_is_done_again_and_again_also_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    process = memory_index()
    monkeypatch.setattr(cleaning, "EVERY", 0.001)
    monkeypatch.setattr(leftovers, "KEPT_SECONDS", 0)
    process.orders.failing["read cleaning.json"] = StorageUnavailableError()
    made = Cleaning(process.storage, process.catalog.workers)
    made.stop()  # before it has begun
    made.start()
    while process.orders.asked.count("read cleaning.json") < 2:  # noqa: ASYNC110 - threads ask
        await asyncio.sleep(0.001)
    process.orders.failing.clear()
    for number in range(2):
        key = _left(process, number)
        while key in process.keys("files"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
    made.stop()
    await asyncio.sleep(0)
    assert made._task is not None
    assert made._task.cancelling() or made._task.done()


@running
async def test_an_index_cleans_its_bucket_while_it_runs() -> None:
    process = memory_index()
    await process.catalog.start()
    task = process.catalog._cleaning._task
    assert task is not None
    assert not task.done()
    process.catalog.close()
    await asyncio.wait({task}, timeout=30)
    assert task.cancelled()


def test_cleanings_are_hours_apart() -> None:
    assert cleaning.EVERY == 6 * 3600
    assert leftovers.KEPT_SECONDS == 24 * 3600
