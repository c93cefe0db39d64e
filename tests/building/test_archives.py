"""Sdists at the limits: which are rewritten, which keep their bytes, and which can't be used."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from publisher.building.sdists import make_reproducible, unpack_sdist
from publisher.errors import BuildFailedError

EPOCH = 1_700_000_000


def _sdist(path: Path, names: str = "a-1/a", /, **facts: int) -> Path:
    contents = io.BytesIO()
    with tarfile.open(fileobj=contents, mode="w") as archive:
        for name in names.split():
            member = tarfile.TarInfo(name)
            member.mtime, member.mode, member.size = facts.get("mtime", 0), 0o600, 1
            member.uid, member.gid = facts.get("uid", 0), facts.get("gid", 0)
            archive.addfile(member, io.BytesIO(b"x"))
    path.write_bytes(gzip.compress(contents.getvalue(), mtime=facts.get("header", 0)))
    return path


@pytest.mark.parametrize("facts", [{}, {"header": EPOCH}, {"mtime": EPOCH}, {"header": EPOCH, "mtime": EPOCH}])
def test_an_sdist_without_later_times_or_owners_keeps_its_bytes(tmp_path: Path, facts: dict[str, int]) -> None:
    sdist = _sdist(tmp_path / "a-1.tar.gz", **facts)
    before = sdist.read_bytes()
    make_reproducible(sdist, EPOCH)
    assert sdist.read_bytes() == before


@pytest.mark.parametrize("facts", [{"header": EPOCH + 1}, {"mtime": EPOCH + 1}, {"uid": 1}, {"gid": 1}])
def test_an_sdist_of_a_later_time_or_of_a_user_is_rewritten(tmp_path: Path, facts: dict[str, int]) -> None:
    sdist = _sdist(tmp_path / "a-1.tar.gz", "a-1/b a-1/a", **facts)
    make_reproducible(sdist, EPOCH)
    assert int.from_bytes(sdist.read_bytes()[4:8], "little") == EPOCH
    with tarfile.open(sdist) as archive:
        found = [(each.name, each.mtime, each.uid, each.gid, each.mode, each.gname) for each in archive]
    assert found == [(name, EPOCH, 0, 0, 0o644, "") for name in ("a-1/a", "a-1/b")]


def test_a_time_that_the_header_cannot_express_is_its_latest_one(tmp_path: Path) -> None:
    sdist = _sdist(tmp_path / "a-1.tar.gz", uid=1)
    make_reproducible(sdist, 2**33)
    assert sdist.read_bytes()[4:8] == b"\xff" * 4
    with tarfile.open(sdist) as archive:
        assert [each.mtime for each in archive] == [2**33]


def test_a_file_that_is_there_twice_counts_as_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for text in (b"old", b"newer"):
            member = tarfile.TarInfo("a-1/a")
            member.size, member.uid = len(text), 1
            archive.addfile(member, io.BytesIO(text))
    make_reproducible(path, EPOCH)
    with tarfile.open(path) as archive:
        (member,) = archive
        file = archive.extractfile(member)
        assert file is not None
        assert file.read() == b"newer"


def test_a_zip_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a-1.zip"
    path.write_bytes(b"no archive at all")
    make_reproducible(path, EPOCH)
    assert path.read_bytes() == b"no archive at all"


@pytest.mark.parametrize("name", ["a-1.tar.gz", "a-1.zip"])
def test_a_broken_sdist_cannot_be_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x1f\x8bno archive at all")
    with pytest.raises(BuildFailedError, match=rf"The backend's sdist {name} can't be unpacked: ") as caught:
        unpack_sdist(tmp_path / name, tmp_path / "target")
    assert caught.value.hint is None


def test_a_torn_sdist_cannot_be_read(tmp_path: Path) -> None:
    sdist = _sdist(tmp_path / "a-1.tar.gz", uid=1)
    sdist.write_bytes(sdist.read_bytes()[:30])
    with pytest.raises(BuildFailedError, match=r"The backend's sdist a-1\.tar\.gz can't be read: "):
        make_reproducible(sdist, EPOCH)


@pytest.mark.parametrize("names", ["", "a", "a-1/a b-1/a"])
def test_an_sdist_holds_exactly_one_folder(tmp_path: Path, names: str) -> None:
    (tmp_path / "target").mkdir()
    sdist = _sdist(tmp_path / "a-1.tar.gz", names)
    with pytest.raises(BuildFailedError, match="does not hold exactly one folder"):
        unpack_sdist(sdist, tmp_path / "target")


def test_a_zip_file_with_a_folder_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a-1.zip", "w") as archive:
        archive.writestr("a-1/b/c.py", "x")
    folder = unpack_sdist(tmp_path / "a-1.zip", tmp_path / "target")
    assert folder == tmp_path / "target/a-1"
    assert (folder / "b/c.py").read_text() == "x"
