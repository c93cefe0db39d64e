"""Scans of folders: what they list, which directories they trust, and whose changes count as one's own."""

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from publisher.server.store import scan
from publisher.server.store.scan import (
    DirectoryListing,
    FolderLostError,
    OwnChanges,
    ScanResult,
    compare_times,
    differences,
    read_folders,
)

OLD = 1_700_000_000_000_000_000
DIRECTORY = "/packages"


def listing(mtime_ns: int = OLD, *files: str, racy: bool = False) -> DirectoryListing:
    return DirectoryListing(mtime_ns, racy, frozenset(files), ())


def aged(folder: Path, nanoseconds: int = OLD) -> Path:
    os.utime(folder, ns=(nanoseconds, nanoseconds))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, an empty folder and a folder of two files."""
    for name in ("deep", "empty"):
        (tmp_path / name).mkdir()
    for name in ("a", "deep/b", "deep/c"):
        (tmp_path / name).write_text(name)
    for each in (tmp_path, tmp_path / "deep", tmp_path / "empty"):
        aged(each)
    return tmp_path


def test_a_scan_lists_files_and_folders_below_without_hidden_ones(folder: Path) -> None:
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "d").write_text("d")
    (folder / "deep" / ".e").write_text("e")
    (folder / os.fsdecode(b"not-\xff-text")).write_text("f")
    (folder / "deep" / "up").symlink_to(folder)
    (folder / "itself").symlink_to(folder / "itself")
    found = read_folders([folder], {})
    assert set(found) == {str(folder), str(folder / "deep"), str(folder / "empty")}
    assert found[str(folder)].files == {"a", "itself"}
    assert found[str(folder)].folders == ("deep", "empty")
    assert found[str(folder / "deep")].files == {"b", "c"}
    assert found[str(folder / "deep")].folders == ("up",)
    assert found[str(folder / "empty")].files == frozenset()


@pytest.mark.parametrize(
    ("trusted", "moved", "racy", "read"),
    [
        (True, 0, False, False),
        (False, 0, False, True),
        (True, 1, False, True),
        (True, 0, True, True),
    ],
)
def test_a_directory_is_read_again_unless_its_time_is_as_it_was(
    folder: Path, *, trusted: bool, moved: int, racy: bool, read: bool
) -> None:
    path = str(folder / "empty")
    known = {path: listing(OLD + moved, "made up", racy=racy)}
    found = read_folders([folder], known, trust_times=trusted)
    assert (found[path] is known[path]) is not read
    assert found[path].files == (frozenset() if read else {"made up"})


def test_the_names_of_a_directory_that_was_read_again_in_vain_are_kept_once(folder: Path) -> None:
    known = read_folders([folder], {})
    aged(folder, OLD + 1)
    again = read_folders([folder], known)
    assert again[str(folder)].mtime_ns == OLD + 1
    assert again[str(folder)].files is known[str(folder)].files
    (folder / "new").write_text("new")
    assert read_folders([folder], known)[str(folder)].files == {"a", "new"}


@pytest.mark.parametrize(
    ("mtime_ns", "later", "racy"),
    [
        (OLD, 1_999_999_999, True),
        (OLD, 2_000_000_000, False),
        (OLD + 3_000_000, 1_999_999_999, True),
        (OLD + 3_000_000, 2_000_000_000, False),
        (OLD + 3_000_001, 49_999_999, True),
        (OLD + 3_000_001, 50_000_000, False),
    ],
)
def test_a_time_is_trusted_once_the_clock_of_its_disk_has_gone_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mtime_ns: int, later: int, *, racy: bool
) -> None:
    aged(tmp_path, mtime_ns)
    monkeypatch.setattr(time, "time_ns", lambda: mtime_ns + later)
    assert read_folders([tmp_path], {})[str(tmp_path)].racy is racy


@pytest.mark.parametrize("known", [True, False])
def test_a_folder_below_that_is_forbidden_is_left_out_unless_its_files_were_listed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    before = read_folders([folder], {})
    scandir = os.scandir

    def refusing(path: Any) -> Any:  # of pytest too, which removes old folders
        if os.fspath(path) == str(folder / "deep"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    if known:
        aged(folder / "deep", OLD + 1)
        with pytest.raises(FolderLostError, match="can't be read: Permission denied") as caught:
            read_folders([folder], before)
        assert caught.value.errno == errno.EACCES
    else:
        assert set(read_folders([folder], {})) == {str(folder), str(folder / "empty")}


def test_a_folder_below_that_goes_away_during_the_scan_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def vanishing(path: Any) -> Any:
        if os.fspath(path) == str(folder / "deep"):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert set(read_folders([folder], {})) == {str(folder), str(folder / "empty")}


def _unmount(folder: Path) -> None:
    for path in (folder / "a", folder / "deep" / "b", folder / "deep" / "c"):
        path.unlink()


@pytest.mark.parametrize(
    ("change", "records", "lost"),
    [
        (_unmount, False, True),
        (_unmount, True, False),  # its last files were deleted
        (lambda folder: (folder / "a").unlink(), False, False),
        (lambda folder: (folder / "deep").rename(folder / "other"), False, False),
    ],
)
def test_a_folder_that_lost_everything_is_lost(
    folder: Path, change: Callable[[Path], object], *, records: bool, lost: bool
) -> None:
    known = read_folders([folder], {})
    if records:
        (folder / ".pypi-publish").mkdir()
    change(folder)
    for each in (folder, folder / "deep"):
        if each.exists():
            aged(each, OLD + 1)
    if lost:
        with pytest.raises(FolderLostError, match="suddenly empty"):
            read_folders([folder], known)
    else:
        read_folders([folder], known)


def test_a_folder_that_was_always_empty_and_one_that_is_absent(tmp_path: Path) -> None:
    known = read_folders([tmp_path], {})
    assert read_folders([tmp_path], known) == known
    with pytest.raises(FolderLostError, match="can't be read: No such file") as caught:
        read_folders([tmp_path / "absent"], {})
    assert caught.value.errno == errno.ENOENT


def test_times_are_the_same_racy_or_changed(folder: Path) -> None:
    path = str(folder)
    below = str(folder / "deep")
    assert compare_times({}) is ScanResult.SAME
    assert compare_times({path: listing(), below: listing()}) is ScanResult.SAME
    assert compare_times({path: listing(racy=True), below: listing()}) is ScanResult.RACY
    assert compare_times({path: listing(), below: listing(racy=True)}) is ScanResult.RACY
    assert compare_times({path: listing(racy=True), below: listing(OLD + 1)}) is ScanResult.CHANGED
    assert compare_times({path: listing(OLD - 1)}) is ScanResult.CHANGED
    assert compare_times({str(folder / "absent"): listing()}) is ScanResult.CHANGED
    with pytest.raises(FolderLostError, match="can't be read: Not a directory") as caught:
        compare_times({str(folder / "a" / "b"): listing()})
    assert caught.value.errno == errno.ENOTDIR


def test_differences_are_files_that_came_and_went() -> None:
    shared = frozenset({"same"})
    before = {
        "same": DirectoryListing(1, False, shared, ()),  # noqa: FBT003 - a record
        "alike": listing(1, "x"),
        "changed": listing(1, "kept", "old"),
        "gone": listing(1, "lost"),
        "empty": listing(1),
    }
    after = {
        "same": DirectoryListing(2, False, shared, ()),  # noqa: FBT003 - a record
        "alike": listing(2, "x"),
        "changed": listing(2, "kept", "new"),
        "come": listing(2, "found"),
    }
    assert [(path, set(came), set(went)) for path, came, went in differences(before, after)] == [
        ("changed", {"new"}, {"old"}),
        ("come", {"found"}, set()),
        ("gone", set(), {"lost"}),
    ]


class Changing:
    """Own changes, with directory times of the test's choice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now: int | None = 10
        self.own = OwnChanges()
        self.told: list[scan.LeftTimes] = []
        self.own.tell = self.told.append
        self.listings = {DIRECTORY: listing(10)}
        monkeypatch.setattr(scan, "_mtime_ns", self._time)

    def _time(self, _path: str) -> int:
        if self.now is None:
            raise FileNotFoundError
        return self.now

    def change(self, after: int) -> None:
        with self.own.change(DIRECTORY, self.listings):
            self.now = after

    def learn(self, *times: tuple[int, int]) -> None:
        self.own.learn([(DIRECTORY, *each) for each in times], self.listings)

    def all_own(self, now: int | None) -> bool:
        self.now = now
        return self.own.are_all_since(self.listings)


@pytest.fixture
def changing(monkeypatch: pytest.MonkeyPatch) -> Changing:
    return Changing(monkeypatch)


def test_own_changes_are_known_and_others_are_not(changing: Changing) -> None:
    assert changing.all_own(10)
    assert not changing.all_own(11)
    changing.now = 10
    changing.change(12)
    changing.change(15)
    assert changing.told == [(DIRECTORY, 10, 12), (DIRECTORY, 12, 15)]
    assert changing.all_own(15)
    assert not changing.all_own(12)
    assert not changing.all_own(16)
    changing.now = 16  # another program's change
    changing.change(18)
    assert not changing.all_own(18)
    assert not changing.all_own(None)
    assert changing.all_own(10)


def test_a_change_is_on_its_way_until_it_is_noted_or_has_failed(changing: Changing) -> None:
    assert changing.own.steps == 0
    with changing.own.change(DIRECTORY, changing.listings):
        assert changing.own.steps == 1
    with suppress(FileExistsError), changing.own.change(DIRECTORY, changing.listings):
        assert changing.own.steps == 3
        raise FileExistsError
    assert changing.own.steps == 4


def test_changes_of_siblings_are_learned_in_any_order(changing: Changing) -> None:
    changing.learn((14, 17), (17, 20))
    assert not changing.all_own(20)
    changing.learn((12, 14))
    assert not changing.all_own(20)
    changing.learn((10, 12))
    assert changing.all_own(20)
    assert not changing.all_own(17)


def test_of_two_changes_that_began_at_one_time_the_later_end_counts(changing: Changing) -> None:
    changing.learn((12, 15), (12, 14), (12, 13))
    changing.learn((10, 12))
    assert changing.all_own(15)


def test_a_directory_that_was_never_read_is_not_known(changing: Changing) -> None:
    changing.listings = {}
    changing.learn((10, 12))
    changing.listings = {DIRECTORY: listing(9)}
    assert not changing.all_own(12)
    assert not changing.all_own(10)


@pytest.mark.parametrize(("kept", "known"), [(255, True), (256, False)])
def test_not_more_than_some_unknown_changes_are_kept(changing: Changing, *, kept: int, known: bool) -> None:
    changing.learn(*((100 + number, 101 + number) for number in range(kept)))
    changing.learn((10, 100))
    assert changing.all_own(100 + kept) is known
