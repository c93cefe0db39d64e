"""Files that are copied in: hashed beside everything else, recorded one by one, and a slow one costs only itself."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from publisher.limits import LIMITS
from publisher.server.store import loading
from publisher.server.store.metadata import FileMetadata, read_metadata
from tests.helpers.http import Client
from tests.helpers.inside import serving_app
from tests.helpers.waiting import eventually

ADA = ("ada", "correct horse")


@contextmanager
def reading_held_up(monkeypatch: pytest.MonkeyPatch, start: str, passed: int = 0) -> Iterator[list[str]]:
    """Keep files whose names start so, but for the first few, from being read until the end; yield the begun names."""
    go_on, begun = threading.Event(), list[str]()

    def read(path: Path, filename: str, _checkpoint: object) -> FileMetadata:
        begun.append(filename)
        if filename.startswith(start) and sum(name.startswith(start) for name in begun) > passed:
            assert go_on.wait(60)
        return read_metadata(path, filename)

    monkeypatch.setattr(loading, "read_metadata", read)
    try:
        yield begun
    finally:
        go_on.set()


def copy_in(root: Path, *names: str) -> None:
    for name in names:
        (root / name).write_bytes(b"no archive")


def test_projects_that_are_slow_to_read_cost_only_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = LIMITS.hashing_threads
    with serving_app(tmp_path) as (url, _), reading_held_up(monkeypatch, "slow") as begun:
        root, client = tmp_path / "packages", Client(url, ADA)
        copy_in(root, "known-1.0.tar.gz")
        assert client.get("simple/known/").ok
        copy_in(root, *(f"slow{number}-1.0.tar.gz" for number in range(threads + 8)))
        asking = [threading.Thread(target=client.get, args=(f"simple/slow{number}/",)) for number in range(threads + 8)]
        for thread in asking:
            thread.start()
        assert eventually(lambda: sum(name.startswith("slow") for name in begun) == threads)
        assert client.get("simple/known/").ok
        assert client.get("simple/").text.count("slow") >= threads + 8
        assert client.get("health").ok
        assert client.get("packages/slow0-1.0.tar.gz").content == b"no archive"
    for thread in asking:
        thread.join()


def test_copied_files_are_read_ahead_one_at_a_time_and_recorded_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_app(tmp_path) as (url, _), reading_held_up(monkeypatch, "copied", passed=1) as begun:
        root, client = tmp_path / "packages", Client(url, ADA)
        copy_in(root, "copied-1.0.tar.gz", "copied-2.0.tar.gz", "other-1.0.tar.gz")
        assert client.get("simple/").ok
        assert eventually(lambda: sum(name.startswith("copied") for name in begun) == 2)
        assert client.get("simple/other/").ok  # a thread is free for it
        record = (root / ".pypi-publish" / "facts" / "copied.jsonl").read_text()
        first, second = (name for name in begun if name.startswith("copied"))
        assert record.count("sha256") == record.count(first) == 1
        assert second not in record


def test_the_files_of_a_record_that_cannot_be_read_are_read_instead(tmp_path: Path) -> None:
    with serving_app(tmp_path) as (url, _):
        record = tmp_path / "packages/.pypi-publish/facts/known.jsonl"
        record.mkdir(parents=True)  # which no program can read as a file
        copy_in(tmp_path / "packages", "known-1.0.tar.gz")
        page = Client(url, ADA).get("simple/known/")
        assert (page.status_code, hashlib.sha256(b"no archive").hexdigest() in page.text) == (200, True)
