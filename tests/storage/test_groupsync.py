"""Syncs that several threads ask for at a time: done once, before each goes on, and failures reach who asked."""

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from publisher.server.storage import groupsync, plainfiles
from publisher.server.storage.folder import FolderStorage
from publisher.server.storage.groupsync import GroupSync


def test_what_many_ask_for_while_one_syncs_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncing, go_on = threading.Event(), threading.Event()
    synced: list[str] = []

    def slow(path: str) -> None:
        synced.append(path)
        syncing.set()
        assert go_on.wait(30)

    monkeypatch.setattr(groupsync, "sync_directory", slow)
    group = GroupSync()
    with ThreadPoolExecutor(6) as threads:
        first = threads.submit(group.sync, [], [str(tmp_path)])
        assert syncing.wait(30)
        others = [threads.submit(group.sync, [], [str(tmp_path)]) for _ in range(5)]
        while group._waiting.callers < 5:
            pass
        assert not any(other.done() for other in [first, *others])
        go_on.set()
        for other in [first, *others]:
            other.result(30)
    assert synced == [str(tmp_path)] * 2


def test_only_those_fail_whose_paths_could_not_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = str(tmp_path / "good"), str(tmp_path / "bad")
    syncing, go_on = threading.Event(), threading.Event()

    def sync(path: str) -> None:
        syncing.set()
        assert go_on.wait(30)
        if path == bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(groupsync, "sync_directory", sync)
    group = GroupSync()
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(group.sync, [], [good])
        assert syncing.wait(30)
        fine, broken = threads.submit(group.sync, [], [good]), threads.submit(group.sync, [], [bad, good])
        while group._waiting.callers < 2:
            pass
        go_on.set()
        first.result(30)
        fine.result(30)
        with pytest.raises(OSError, match="Input/output"):
            broken.result(30)


@pytest.mark.parametrize("missing", ["files without names", "/proc"])
def test_a_file_is_created_without_the_short_way_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    if missing == "/proc":
        link = os.link

        def without_proc(source: str, target: str, **options: Any) -> None:
            if str(source).startswith("/proc/"):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source)
            link(source, target, **options)

        monkeypatch.setattr(os, "link", without_proc)
    else:
        monkeypatch.setattr(plainfiles, "_NAMELESS", 0)
    files = FolderStorage(tmp_path).files()
    files.create("new/file", b"x" * 3)
    assert files.read("new/file") == b"xxx"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
    assert not list(tmp_path.rglob("*.part"))


def test_a_created_file_has_the_permissions_of_its_storage(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        FolderStorage(tmp_path).files().create("shown", b"")
        FolderStorage(tmp_path, mode=0o600).files().create("hidden", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "shown").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "hidden").stat().st_mode & 0o777 == 0o600
