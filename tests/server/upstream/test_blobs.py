"""Files of the cache: what is counted, evicted, pinned and marked, and when the disk is full."""

import os
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from publisher.server.upstream.files import blobs
from publisher.server.upstream.files.blobs import BlobStore
from tests.helpers.clock import set_monotonic

DIGEST = "ab" * 32


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> list[Usage]:
    """Have a disk with room."""
    usage = [Usage(10**6, 0, 10**6)]
    monkeypatch.setattr("publisher.server.upstream.files.blobs.shutil.disk_usage", lambda _: usage[0])
    return usage


def keys(store: BlobStore) -> list[str]:
    return sorted(blob.key for blob in store.scan())


def fill(store: BlobStore, count: int, size: int = 100) -> None:
    """Store files, the first of which was used the longest ago."""
    for number in range(count):
        assert store.store(f"{number:02}-file", b"x" * size)
        os.utime(store.path(f"{number:02}-file"), (1000 + number, 1000 + number))


def test_a_file_is_counted_once_it_is_stored_and_no_more_when_it_is_removed(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, 1000)
    assert (store.has(DIGEST), store.remove(DIGEST), store.size) == (False, False, 0)
    assert store.store(DIGEST, b"12345")
    assert store.path(DIGEST) == tmp_path / "files" / "ab" / DIGEST
    assert (store.has(DIGEST), store.path(DIGEST).read_bytes(), store.size) == (True, b"12345", 5)
    temporary = store.temporary()
    temporary.write_bytes(b"123")
    store.place(temporary, "cd" * 32)
    assert (temporary.exists(), store.size) == (False, 8)
    assert store.remove(DIGEST)
    assert store.size == 3
    assert BlobStore(tmp_path, 1000).size == 0  # not counted yet
    again = BlobStore(tmp_path, 1000)
    assert [blob.size for blob in again.scan()] == [3]
    assert again.size == 3


def test_the_least_recently_used_go_first_and_a_part_of_the_room_stays_free(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, 1000)
    fill(store, 10)
    assert store.has_room_for(0)
    assert len(keys(store)) == 10
    assert store.store("new", b"y")
    assert keys(store) == [f"{number:02}-file" for number in range(1, 10)] + ["new"]
    os.utime(store.path("01-file"), (9000, 1000))  # used, not changed
    assert store.store("other", b"y" * 200)
    assert "01-file" in keys(store)
    assert "02-file" not in keys(store)
    assert store.size <= 1000


def test_pinned_files_stay_and_what_is_too_large_removes_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, 1000)
    fill(store, 10)
    store.pin("set", {"00-file", "01-file"})
    store.pin("other set", {"01-file", "09-file"})
    assert store.pinned() == {"00-file", "01-file", "09-file"}
    assert not store.has_room_for(1001)
    assert not store.has_room_for(701)  # more than what is not pinned
    assert len(keys(store)) == 10
    assert store.has_room_for(700)
    assert keys(store) == ["00-file", "01-file", "09-file"]
    store.unpin({"01-file"})
    assert store.pinned() == {"00-file", "09-file"}
    assert store.has_room_for(1000 - 200)
    assert keys(store) == ["00-file", "09-file"]


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
def test_a_file_may_take_the_whole_cache(tmp_path: Path, size: int, *, fits: bool) -> None:
    store = BlobStore(tmp_path, 1000)
    fill(store, 3)
    assert store.has_room_for(size) == fits
    assert len(keys(store)) == (0 if fits else 3)


def test_a_twentieth_of_the_disk_stays_free(tmp_path: Path, disk: list[Usage]) -> None:
    store = BlobStore(tmp_path, 10**9)
    fill(store, 4)
    disk[0] = Usage(10_000, 9400, 600)
    assert store.has_room_for(100)
    assert len(keys(store)) == 4
    disk[0] = Usage(10_000, 9401, 599)
    assert not store.has_room_for(10**7)
    assert len(keys(store)) == 4
    disk[0] = Usage(10_000, 9700, 300)
    assert store.has_room_for(100)
    assert len(keys(store)) < 4


def test_files_of_other_processes_are_counted_now_and_then(tmp_path: Path) -> None:
    one, two = BlobStore(tmp_path, 1000), BlobStore(tmp_path, 1000)
    fill(two, 6)
    assert one.store("a-file", b"x" * 51)  # a twentieth, so all files are counted before the next
    assert one.size == 51
    assert one.has_room_for(0)
    assert one.size == 651


def test_a_use_is_noted_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0**9]
    monkeypatch.setattr("publisher.server.upstream.files.blobs.time.time", lambda: now[0])
    store = BlobStore(tmp_path, 1000)
    store.store(DIGEST, b"x")
    path = store.path(DIGEST)
    os.utime(path, (1, 5))
    store.mark(DIGEST)
    assert (path.stat().st_atime, path.stat().st_mtime) == (now[0], 5)
    os.utime(path, (1, 5))
    now[0] += blobs.MARK_EVERY
    store.mark(DIGEST)
    assert path.stat().st_atime == 1
    now[0] += 1
    store.mark(DIGEST)
    assert path.stat().st_atime == now[0]
    store.mark("absent")


def test_a_full_cache_is_reported_once_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [10_000.0]
    set_monotonic(monkeypatch, lambda: now[0], blobs)
    store = BlobStore(tmp_path, 100)
    store.store(DIGEST, b"x" * 60)
    store.pin("set", {DIGEST})
    for passed, reports in ((0.0, 1), (blobs.REPORT_EVERY - 1, 1), (1.0, 2)):
        now[0] += passed
        assert not store.store("new", b"x" * 50)
        assert caplog.text.count("no room in the cache") == reports
    assert str(tmp_path) in caplog.text
    assert not store.has("new")


def test_only_leftovers_of_more_than_a_day_go(tmp_path: Path) -> None:
    store = BlobStore(tmp_path, 100)
    now = time.time()
    for name, age in (("old", blobs.LEFTOVER_AGE + 60), ("young", blobs.LEFTOVER_AGE - 60)):
        (tmp_path / "tmp" / name).write_bytes(b"half")
        os.utime(tmp_path / "tmp" / name, (now - age, now - age))
    store.clean_up()
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["young"]
