"""Replacing files: whole or not at all, with the right permissions from the first moment on."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.files.atomic import replace_file, replacing

posix = pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.usefixtures("umask")
def test_a_new_file_has_the_usual_permissions_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    new, old = tmp_path / "folder" / "new", tmp_path / "old"
    replace_file(new, b"1")
    old.write_bytes(b"0")
    old.chmod(0o755)
    replace_file(old, b"1")
    assert (new.read_bytes(), mode_of(new)) == (b"1", 0o640)
    assert (old.read_bytes(), mode_of(old)) == (b"1", 0o755)


@posix
@pytest.mark.parametrize("exists", [False, True])
def test_a_secret_is_never_readable_by_others(tmp_path: Path, exists: bool) -> None:  # noqa: FBT001 - a test's parameter
    path = tmp_path / "secret"
    if exists:
        path.write_bytes(b"")
        path.chmod(0o644)
    with replacing(path, mode=0o600) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
    assert mode_of(path) == 0o600


@posix
def test_contents_of_a_private_file_are_private_before_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "private"
    path.write_bytes(b"")
    path.chmod(0o600)
    with replacing(path) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


def test_a_link_stays_a_link_even_to_a_file_that_does_not_exist_yet(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere" / "target")
    replace_file(link, b"1")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "target").read_bytes() == b"1"
    replace_file(link, b"2")
    assert (tmp_path / "elsewhere" / "target").read_bytes() == b"2"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with pytest.raises(OSError, match="file"):
        replace_file(path / "below", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        replace_file(tmp_path / "folder", b"")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]  # noqa: PTH208 - names are all that is needed
    assert path.read_bytes() == b"old"


def test_links_in_a_circle_are_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="a"):
        replace_file(tmp_path / "a", b"")


def test_the_longest_name_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    replace_file(path, b"1")
    assert path.read_bytes() == b"1"


@posix
def test_durable_syncs_contents_before_and_the_folder_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, synced = tmp_path / "file", []
    sync = os.fsync

    def watch(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    replace_file(path, b"1", durable=True)
    assert synced == [(False, False), (True, True)]
    replace_file(path, b"2")
    assert len(synced) == 2
