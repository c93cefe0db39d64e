"""Random histories: nothing acknowledged is lost, one winner for each file, no owned name is passed on."""

import asyncio
import hashlib
import logging
from contextlib import ExitStack
from pathlib import Path

import pytest

from publisher.server.storage.errors import NotDurableError
from publisher.server.store.errors import FileExistsConflictError
from publisher.server.store.metadata import FileMetadata
from tests.helpers.object_store import ObjectStore
from tests.storage.bucket_histories import Buckets
from tests.storage.histories import Server, Volumes, run_history, with_cheap_passwords

HISTORIES = 8
"""A few of each kind; `benchmarks/histories.py` runs thousands."""


@pytest.mark.parametrize("first", ["yank", "unyank"])
def test_a_commit_that_succeeds_late_undoes_no_newer_change(tmp_path: Path, first: str) -> None:
    async def run() -> str | None:
        world = Volumes(tmp_path)
        one, other = world.server(), world.server()
        upload = tmp_path / "upload"
        upload.write_bytes(b"x")
        for server in (one, other):
            await server.catalog.start()
        metadata = FileMetadata(1, 0, hashlib.sha256(b"x").hexdigest(), "")
        await one.changes.upload(upload, "acme-1.0-py3-none-any.whl", metadata)
        if first == "unyank":
            await one.changes.yank("acme", "1.0", "first", None)
        await other.catalog.refresh()
        trouble = world.trouble(one.packages)
        trouble.failing_commits = 3
        with pytest.raises(NotDurableError):
            await _change(one, first)
        await _change(other, "yank" if first == "unyank" else "unyank")
        assert trouble.failing_commits == 0  # what had failed was made durable before
        last = world.server()
        await last.catalog.start()
        project = await last.catalog.find("acme")
        assert project is not None
        (file,) = (await last.catalog.files(project)).values()
        for server in (one, other, last):
            await server.stop()
        return file.yanked

    assert asyncio.run(run()) == ("second" if first == "unyank" else None)


def test_no_file_is_acknowledged_that_a_late_commit_deletes(tmp_path: Path) -> None:
    async def run() -> None:
        world = Volumes(tmp_path)
        one, other = world.server(), world.server()
        metadata = FileMetadata(1, 0, hashlib.sha256(b"x").hexdigest(), "")
        for server in (one, other):
            await server.catalog.start()
        for server in (one, other):
            upload = tmp_path / "upload"
            upload.write_bytes(b"x")
            await server.changes.upload(upload, "acme-1.0-py3-none-any.whl", metadata)
        world.trouble(one.packages).failing_commits = 3
        with pytest.raises(NotDurableError):
            await one.changes.delete("acme", "1.0", None, None)
        upload.write_bytes(b"x")
        with pytest.raises(FileExistsConflictError, match="was deleted"):
            await other.changes.upload(upload, "acme-1.0-py3-none-any.whl", metadata)
        for server in (one, other):
            await server.stop()

    asyncio.run(run())


async def _change(server: Server, kind: str) -> None:
    if kind == "yank":
        await server.changes.yank("acme", "1.0", "second", None)
    else:
        await server.changes.unyank("acme", "1.0")


def test_histories_of_three_processes_on_a_bucket_end_as_acknowledged(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    # takes seconds: requests that the store refuses are sent again
    logging.disable(logging.CRITICAL)
    try:
        with ExitStack() as stack:
            history = run_history(tmp_path / "history", 0, world=Buckets(object_store, stack), writers=3)
            assert not asyncio.run(with_cheap_passwords(history))
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("volume", [False, True], ids=["folder", "volume"])
def test_histories_end_as_acknowledged(tmp_path: Path, *, volume: bool) -> None:
    # takes seconds: writers wait for dead holders' leases and for commits that fail
    logging.disable(logging.CRITICAL)
    try:
        for seed in range(HISTORIES):
            faults = asyncio.run(with_cheap_passwords(run_history(tmp_path / str(seed), seed, volume=volume)))
            assert not faults, f"history {seed}"
    finally:
        logging.disable(logging.NOTSET)
