"""Plain files: parts of them, files without a name before they are complete, and lines after a torn one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from publisher.server.storage.base import Stat, put, unnoticed
from publisher.server.storage.folder import FolderStorage
from publisher.server.storage.plainfiles import append_lines, create_nameless, read_file, stat_of


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [
        (0, None, b"0123456789"),
        (0, 0, b""),
        (0, 3, b"012"),
        (3, None, b"3456789"),
        (3, 3, b"345"),
        (9, 5, b"9"),
        (10, None, b""),
        (10, 5, b""),
        (11, None, b""),
        (0, 10, b"0123456789"),
    ],
)
def test_a_part_of_a_file_is_read(tmp_path: Path, start: int, size: int | None, expected: bytes) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    assert read_file(str(tmp_path / "file"), start, size) == expected


def test_a_pipe_or_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(OSError, match="Not a regular file"):
            read_file(str(tmp_path / name))
    with pytest.raises(FileNotFoundError):
        read_file(str(tmp_path / "absent"))


def test_no_file_stays_open(tmp_path: Path) -> None:
    def next_descriptor() -> int:
        descriptor = os.open(tmp_path / "file", os.O_RDONLY)
        os.close(descriptor)
        return descriptor

    (tmp_path / "file").write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")
    before = next_descriptor()
    read_file(str(tmp_path / "file"))
    assert next_descriptor() == before
    with pytest.raises(OSError, match="Not a regular file"):
        read_file(str(tmp_path / "pipe"))
    assert next_descriptor() == before
    append_lines(str(tmp_path / "log"), b"x\n")
    assert next_descriptor() == before
    create_nameless(str(tmp_path / "new"), b"x", 0o644, unnoticed)
    assert next_descriptor() == before


@pytest.mark.parametrize(
    ("there", "expected", "new"),
    [
        (None, b"two\n", True),
        (b"", b"two\n", True),
        (b"one\n", b"one\ntwo\n", False),
        (b"torn", b"torn\ntwo\n", False),
        (b"\n", b"\ntwo\n", False),
        (b"x", b"x\ntwo\n", False),
    ],
)
def test_lines_come_after_the_end_of_a_line(tmp_path: Path, there: bytes | None, expected: bytes, *, new: bool) -> None:
    path = tmp_path / "log"
    if there is not None:
        path.write_bytes(there)
    assert append_lines(str(path), b"two\n") is new
    assert path.read_bytes() == expected


def test_a_file_has_its_name_when_it_is_complete(tmp_path: Path) -> None:
    final = tmp_path / "file"
    seen: list[tuple[str, bool, int]] = []

    @contextmanager
    def naming(stat: Stat) -> Iterator[None]:
        seen.append(("before", final.exists(), stat.size))
        yield
        seen.append(("after", final.exists(), stat.size))

    made = create_nameless(str(final), b"data", 0o640, naming)
    if made is None:
        pytest.skip("this system has no files without a name")
    assert seen == [("before", False, 4), ("after", True, 4)]
    assert (final.read_bytes(), final.stat().st_mode & 0o777) == (b"data", 0o640)
    status = final.stat()
    assert made == stat_of(status)
    assert (made.size, made.modified_ns) == (4, status.st_mtime_ns)
    with pytest.raises(FileExistsError):
        create_nameless(str(final), b"other", 0o640, unnoticed)
    assert final.read_bytes() == b"data"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(FileNotFoundError):
        create_nameless(str(tmp_path / "absent" / "file"), b"", 0o640, unnoticed)


def test_the_version_of_a_file_follows_its_contents(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = stat_of(path.stat())
    assert stat_of(path.stat()) == first
    os.utime(path, ns=(0, first.modified_ns + 1))
    later = stat_of(path.stat())
    path.write_bytes(b"three")
    os.utime(path, ns=(0, first.modified_ns + 1))
    longer = stat_of(path.stat())
    (tmp_path / "other").write_bytes(b"three")
    (tmp_path / "other").replace(path)
    os.utime(path, ns=(0, first.modified_ns + 1))
    assert len({first.version, later.version, longer.version, stat_of(path.stat()).version}) == 4


def test_the_last_of_several_writers_wins(tmp_path: Path) -> None:
    files = FolderStorage(tmp_path).files()
    for data in (b"one", b"two"):
        put(files, "a/b", data)
        assert files.read("a/b") == data


@pytest.mark.parametrize(
    ("number", "fails"),
    [(errno.EIO, True), (errno.ENOSPC, True), (errno.EROFS, True), (errno.EPERM, False), (errno.ENOENT, False)],
)
def test_a_failure_of_the_disk_is_no_system_without_nameless_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, fails: bool
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)
    if fails:
        with pytest.raises(OSError, match=os.strerror(number)):
            create_nameless(str(tmp_path / "file"), b"x", 0o644, unnoticed)
    else:
        assert create_nameless(str(tmp_path / "file"), b"x", 0o644, unnoticed) is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_on_the_disk_before_it_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    sync = os.fsync

    def noting(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        assert list(tmp_path.iterdir()) == []
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    if create_nameless(str(tmp_path / "file"), b"data", 0o644, unnoticed) is None:
        pytest.skip("this system has no files without a name")
    assert sizes == [4]
