"""Locks and claims in a folder, with locks of ranges and with a file for each lock."""

import asyncio
import hashlib
import json
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from publisher.server.storage import filelocks
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.filelocks import FileLocks, make_folder, missing_folders
from publisher.server.storage.folder import FolderStorage


@pytest.fixture(params=[True, False], ids=["ranges", "files"])
def locks(request: pytest.FixtureRequest, tmp_path: Path) -> FileLocks:
    made = FileLocks(tmp_path, tmp_path / "locks")
    made._ranges = made._ranges and request.param
    return made


def _other(locks: FileLocks) -> FileLocks:
    """Return the locks as another process opens them."""
    made = FileLocks(locks._root, locks._folder)
    made._ranges = locks._ranges
    return made


def test_a_lock_excludes_everyone_else_and_no_other_name(locks: FileLocks) -> None:
    async def run() -> None:
        other = _other(locks)
        async with locks.hold("a", 1.0), other.hold("b", 0.0), locks.hold("c", 0.0):
            for each in (locks, other):
                with pytest.raises(StorageUnavailableError):
                    async with each.hold("a", 0.02):
                        pass
        async with other.hold("a", 0.0):
            pass

    asyncio.run(run())


def test_a_held_lock_is_asked_for_at_once_and_then_ever_more_rarely(
    locks: FileLocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    held = locks._try("a")
    assert held is not None

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            held.free()

    async def run() -> None:
        monkeypatch.setattr(asyncio, "sleep", pause)
        async with _other(locks).hold("a", 30.0):
            pass

    asyncio.run(run())
    shortest, longest = filelocks._PAUSE, filelocks._LONGEST_PAUSE
    assert (len(pauses), pauses[0], pauses[-1]) == (8, shortest, longest)
    assert all(after == min(2 * before, longest) for before, after in pairwise(pauses))


def test_a_lock_is_free_after_a_failure(locks: FileLocks) -> None:
    async def run() -> None:
        with pytest.raises(ZeroDivisionError):
            async with locks.hold("a", 1.0):
                _ = 1 / 0
        with pytest.raises(ZeroDivisionError), locks.hold_in_thread("a"):
            _ = 1 / 0
        async with _other(locks).hold("a", 0.0), locks.hold("b", 0.0):
            pass

    asyncio.run(run())


def test_a_thread_waits_until_the_lock_is_free(locks: FileLocks) -> None:
    order = []

    def work() -> None:
        with _other(locks).hold_in_thread("a"):
            order.append("second")

    with locks.hold_in_thread("a"):
        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.03)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_no_file_of_a_lock_stays_where_each_has_one(locks: FileLocks) -> None:
    with locks.hold_in_thread("a"):
        held = _names(locks)
    lock = f"{hashlib.sha256(b'a').hexdigest()[:32]}.lock"
    assert (held, _names(locks)) == ((["ranges"], ["ranges"]) if locks._ranges else ([lock], []))


def _names(locks: FileLocks) -> list[str]:
    return [path.name for path in locks._folder.iterdir()]


def test_a_missing_root_is_not_made(tmp_path: Path) -> None:
    async def run() -> None:
        locks = FileLocks(tmp_path / "gone", tmp_path / "gone" / "locks")
        with pytest.raises(FileNotFoundError):
            async with locks.hold("a", 0.0):
                pass

    asyncio.run(run())
    assert not (tmp_path / "gone").exists()


def test_folders_are_made_below_a_root_and_their_parents_synced(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    assert missing_folders(deep, tmp_path) == [tmp_path, tmp_path / "a"]
    assert missing_folders(deep, tmp_path) == []
    assert missing_folders(deep / "c", tmp_path) == [deep]
    make_folder(tmp_path / "x" / "y", tmp_path)
    assert (tmp_path / "x" / "y").is_dir()
    with pytest.raises(FileNotFoundError):
        missing_folders(tmp_path / "gone", tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "file" / "below", tmp_path)


def _claims(root: Path) -> list[Path]:
    return sorted((root / ".pypi-publish" / "once").iterdir())


def test_a_claim_is_the_first_ones_until_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        one, other, now = FolderStorage(tmp_path), FolderStorage(tmp_path), time.time()
        assert await one.claim_once("name", "first", 10.0) == "first"
        assert await other.claim_once("name", "second", 10.0) == "first"
        assert await other.claim_once("another", "second", 10.0) == "second"
        monkeypatch.setattr(time, "time", lambda: now + 9)
        assert await one.claim_once("name", "second", 10.0) == "first"
        monkeypatch.setattr(time, "time", lambda: now + 11)
        assert await other.claim_once("name", "second", 10.0) == "second"
        assert await one.claim_once("name", "third", 10.0) == "second"

    asyncio.run(run())
    names = {path.name for path in _claims(tmp_path)}
    assert names == {hashlib.sha256(name).hexdigest() for name in (b"name", b"another")}
    assert {key for path in _claims(tmp_path) for key in json.loads(path.read_text())} == {"value", "until"}


def test_expired_claims_are_removed_once_an_hour_and_damaged_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        storage, now = FolderStorage(tmp_path), time.time()
        await storage.claim_once("first", "x", 10.0)
        folder = _claims(tmp_path)[0].parent
        for name, text in (("damaged", "{"), ("other", "[]"), ("text", '{"until": "x"}')):
            (folder / name).write_text(text)
        monkeypatch.setattr(time, "time", lambda: now + 10_000)
        await storage.claim_once("second", "x", 10.0)
        assert len(_claims(tmp_path)) == 5  # it was done a moment ago
        storage._claims._cleaned -= 3700
        await storage.claim_once("third", "x", 10.0)
        left = {path.name for path in _claims(tmp_path)}
        expected = {hashlib.sha256(name).hexdigest() for name in (b"second", b"third")}
        assert left == {"damaged", "other", "text", *expected}

    asyncio.run(run())
