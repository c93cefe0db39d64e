"""Files of the cache are whole or not there, and leave nothing behind."""

import os
import stat
from pathlib import Path

import pytest

from publisher.server.upstream.disk import move, put_file, temporary_in


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("data", [b"", b"bytes", b"x" * 300_000])
def test_a_file_is_put_in_its_place_with_its_folders(cache: Path, data: bytes, *, durable: bool) -> None:
    place = cache / "one" / "two" / "file"
    place_before = cache / "file"
    place_before.write_bytes(b"an older one")
    for each in (place, place_before):
        put_file(cache, each, data, durable=durable)
        assert each.read_bytes() == data
    assert list((cache / "tmp").iterdir()) == []


def test_a_file_has_the_time_and_the_mode_that_it_should(cache: Path) -> None:
    before = os.umask(0o027)
    try:
        put_file(cache, cache / "file", b"x", modified=1_000_000.5)
    finally:
        os.umask(before)
    status = (cache / "file").stat()
    assert (status.st_mtime, status.st_atime) == (1_000_000.5, 1_000_000.5)
    assert stat.S_IMODE(status.st_mode) == 0o640


def test_a_file_that_cannot_be_put_leaves_nothing(cache: Path) -> None:
    (cache / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        put_file(cache, cache / "taken", b"x")
    assert list((cache / "tmp").iterdir()) == []
    (cache / "tmp").rmdir()
    with pytest.raises(FileNotFoundError):
        put_file(cache, cache / "file", b"x")
    assert not (cache / "file").exists()


def test_unfinished_files_have_names_of_their_own(cache: Path) -> None:
    paths = [temporary_in(cache) for _ in range(3)]
    assert {path.parent for path in paths} == {cache / "tmp"}
    assert len(set(paths)) == 3
    assert len(paths[0].name) == 24


def test_what_is_moved_replaces_what_was_there(cache: Path) -> None:
    for name in ("old", "new/er"):
        temporary = temporary_in(cache)
        temporary.write_text(name)
        move(temporary, cache / name)
        assert (cache / name).read_text() == name
        assert not temporary.exists()
    with pytest.raises(FileNotFoundError):
        move(cache / "tmp" / "missing", cache / "old")
    assert (cache / "old").read_text() == "old"
