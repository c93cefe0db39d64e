"""Members of archives, read within bounds: the last value that is allowed, and the first that is not."""

import errno
import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from publisher.errors import InvalidDistributionError, OversizedDistributionError
from publisher.limits import LIMITS
from publisher.project.archives import list_members, read_tar, read_zip
from publisher.project.distributions import read_distribution

LIMIT = LIMITS.distributions
FILES = {"a/": b"", "a/one.txt": b"one", "a/two.txt": b"twotwo"}


def _zip(files: Mapping[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tar(files: Mapping[str, bytes] = FILES, links: Mapping[str, tuple[bytes, str]] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name.rstrip("/"))
            info.size = len(data)
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(info, io.BytesIO(data))
        for name, (kind, target) in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return buffer.getvalue()


def _every(names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith("/")]


def _with_second_name(name: str, second: str) -> bytes:
    """Return a zip file with a member that has an Info-ZIP Unicode Path, behind another extra field."""
    info = zipfile.ZipInfo(name)
    field = b"\1" + struct.pack("<L", zlib.crc32(name.encode())) + second.encode()
    info.extra = struct.pack("<HHL", 0x5455, 4, 0) + struct.pack("<HH", 0x7075, len(field)) + field
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, b"one")
    return buffer.getvalue()


@pytest.mark.parametrize("second", ["a/.env", "../b", "a/"])
def test_a_member_with_two_names_is_refused(second: str) -> None:
    with pytest.raises(InvalidDistributionError, match=r"the member 'a/one\.txt' has a second name"):
        read_zip(_with_second_name("a/one.txt", second), _every)


def test_a_second_name_that_is_the_same_is_accepted() -> None:
    assert read_zip(_with_second_name("a/one.txt", "a/one.txt"), _every).picked == {"a/one.txt": b"one"}


def test_the_total_length_of_names_in_a_tar_file_is_bounded() -> None:
    length = sum(map(len, ("a", "a/one.txt", "a/two.txt")))
    assert read_tar(_tar(), lambda _: False, limits=LIMIT._replace(member_list=length))
    with pytest.raises(OversizedDistributionError, match=f"add up to more than {length - 1} characters"):
        read_tar(_tar(), lambda _: False, limits=LIMIT._replace(member_list=length - 1))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.parametrize("name", ["a-1.0-py3-none-any.whl", "a-1.0.tar.gz"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    for read in (read_distribution, list_members):
        with pytest.raises(InvalidDistributionError, match="not a regular file"):
            read(tmp_path / name)


def test_a_zip_gives_the_members_that_are_asked_for_out_of_all_names(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def wanted(names: list[str]) -> list[str]:
        asked.append(names)
        return ["a/two.txt"]

    assert read_zip(_zip(), wanted) == (["a/one.txt", "a/two.txt"], ["a/"], {"a/two.txt": b"twotwo"})
    assert asked == [["a/", "a/one.txt", "a/two.txt"]]
    (tmp_path / "file").write_bytes(_zip())
    assert read_zip(tmp_path / "file", _every).picked == {"a/one.txt": b"one", "a/two.txt": b"twotwo"}


def test_a_tar_gives_all_names_and_the_wanted_file(tmp_path: Path) -> None:
    expected = (["a/one.txt", "a/two.txt"], ["a"], {"a/one.txt": b"one"})
    assert read_tar(_tar(), lambda name: name == "a/one.txt") == expected
    (tmp_path / "file").write_bytes(_tar())
    assert read_tar(tmp_path / "file", lambda name: name == "a/one.txt") == expected


def test_two_wanted_files_of_a_tar_are_refused_with_their_names() -> None:
    with pytest.raises(InvalidDistributionError, match=r"'a/one\.txt' and 'a/two\.txt'"):
        read_tar(_tar(), lambda name: name.endswith(".txt"))


@pytest.mark.parametrize("name", ["a.whl", "a.zip", "a.egg"])
def test_members_of_zips_are_listed_with_their_sizes_and_without_folders(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(_zip())
    assert list_members(tmp_path / name) == [("a/one.txt", 3), ("a/two.txt", 6)]


def test_members_of_tars_are_listed_with_their_sizes_and_without_folders(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(_tar())
    assert list_members(tmp_path / "a.tar.gz") == [("a/one.txt", 3), ("a/two.txt", 6)]


@pytest.mark.parametrize("name", ["a.whl", "a.tar.gz"])
def test_a_list_of_members_is_bounded_and_can_be_ended(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(_zip() if name == "a.whl" else _tar())
    assert list_members(tmp_path / name, limits=LIMIT._replace(members=3))
    with pytest.raises(OversizedDistributionError, match="more than 2 members"):
        list_members(tmp_path / name, limits=LIMIT._replace(members=2))

    def end() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list_members(tmp_path / name, end)


def test_the_directory_of_a_zip_is_bounded_in_bytes() -> None:
    data = _zip()
    directory = int.from_bytes(data[-10:-6], "little")
    assert read_zip(data, _every, limits=LIMIT._replace(member_list=directory))
    with pytest.raises(OversizedDistributionError, match=f"has {directory} bytes"):
        read_zip(data, _every, limits=LIMIT._replace(member_list=directory - 1))


def test_wanted_members_are_bounded_and_others_are_not() -> None:
    limits = LIMIT._replace(metadata=3)
    assert read_zip(_zip(), lambda _: ["a/one.txt"], limits=limits).picked == {"a/one.txt": b"one"}
    assert read_tar(_tar(), lambda name: name == "a/one.txt", limits=limits).picked == {"a/one.txt": b"one"}
    with pytest.raises(OversizedDistributionError, match=r"'a/two\.txt' has 6 bytes; metadata may have 3"):
        read_zip(_zip(), lambda _: ["a/two.txt"], limits=limits)
    with pytest.raises(OversizedDistributionError, match=r"'a/two\.txt' has 6 bytes; metadata may have 3"):
        read_tar(_tar(), lambda name: name == "a/two.txt", limits=limits)


def test_a_zip_expands_to_the_floor_or_to_a_multiple_of_its_size() -> None:
    data = _zip({"zeros": bytes(10_000)})
    assert len(data) < 200
    for floor, ratio in ((10_000, 0), (0, 10_000 // len(data) + 1)):
        assert read_zip(data, _every, limits=LIMIT._replace(expansion_floor=floor, expansion_ratio=ratio))
    with pytest.raises(OversizedDistributionError, match="more than 9999 bytes"):
        read_zip(data, _every, limits=LIMIT._replace(expansion_floor=9_999, expansion_ratio=0))


def test_a_tar_expands_to_the_floor_or_to_the_bound_of_streams() -> None:
    data = _tar({"zeros": bytes(100_000)})
    size = len(gzip.decompress(data))
    for limits in (
        LIMIT._replace(expansion_floor=size, expansion_ratio=0),
        LIMIT._replace(tar_stream=size, tar_file=len(data)),
    ):
        assert read_tar(data, lambda _: False, limits=limits).files == ["zeros"]
    for limits in (
        LIMIT._replace(expansion_floor=size - 1, expansion_ratio=0),
        LIMIT._replace(tar_stream=size - 1),
        LIMIT._replace(tar_file=len(data) - 1),
    ):
        with pytest.raises(OversizedDistributionError, match="more than"):
            read_tar(data, lambda _: False, limits=limits)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_methods_that_installers_know_are_read(method: int) -> None:
    assert read_zip(_zip(method=method), _every).picked["a/one.txt"] == b"one"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_installers_lack_are_refused(method: int) -> None:
    with pytest.raises(InvalidDistributionError, match="installers lack"):
        read_zip(_zip(method=method), lambda _: [])


@pytest.mark.parametrize("name", ["a/./b", "a..b", "..a", "ab:c/d", "ä/✓", "a b", "a/..."])
def test_unusual_names_stay_inside(name: str) -> None:
    assert read_zip(_zip({name: b"x"}), _every) == ([name], [], {name: b"x"})
    assert read_tar(_tar({name: b"x"}), lambda _: True) == ([name], [], {name: b"x"})


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/a", "absolute"),
        ("C:a", "absolute"),
        ("a\\b", "backslash"),
        ("..", "leaves"),
        ("../a", "leaves"),
        ("a/..", "leaves"),
        ("a/../b", "leaves"),
        ("a\x07", "control characters"),
    ],
)
def test_names_that_leave_the_archive_are_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(InvalidDistributionError, match=reason):
        read_zip(_zip({name: b""}), lambda _: [])
    with pytest.raises(InvalidDistributionError, match=reason):
        read_tar(_tar({name: b""}), lambda _: False)


@pytest.mark.parametrize(
    ("link", "kind", "target"),
    [
        ("a/link", tarfile.SYMTYPE, "one.txt"),
        ("a/link", tarfile.SYMTYPE, "../b"),
        ("a/b/link", tarfile.SYMTYPE, "../../c"),
        ("a/link", tarfile.LNKTYPE, "a/one.txt"),
        ("a/link", tarfile.SYMTYPE, "b/../../c"),
    ],
)
def test_links_that_stay_inside_are_members_without_contents(link: str, kind: bytes, target: str) -> None:
    assert read_tar(_tar({}, {link: (kind, target)}), lambda _: False) == ([link], [], {})


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_no_link_and_no_folder_may_replace_a_file_that_is_read(kind: bytes) -> None:
    with pytest.raises(InvalidDistributionError, match=r"'a/one\.txt' is not a regular file"):
        read_tar(_tar(FILES, {"a/one.txt": (kind, "a/two.txt")}), lambda name: name == "a/one.txt")


@pytest.mark.parametrize(
    ("link", "kind", "target"),
    [
        ("link", tarfile.SYMTYPE, "../b"),
        ("a/link", tarfile.SYMTYPE, "../../b"),
        ("a/link", tarfile.SYMTYPE, "/etc/passwd"),
        ("a/link", tarfile.SYMTYPE, "../../a/one.txt"),
        ("a/link", tarfile.LNKTYPE, "../one.txt"),
        ("a/link", tarfile.LNKTYPE, "/a/one.txt"),
    ],
)
def test_links_that_leave_the_archive_are_refused(link: str, kind: bytes, target: str) -> None:
    with pytest.raises(InvalidDistributionError, match=f"the link '{link}' leaves the archive"):
        read_tar(_tar({}, {link: (kind, target)}), lambda _: False)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_device_nodes_are_refused_with_their_name(kind: bytes) -> None:
    with pytest.raises(InvalidDistributionError, match="'a/null' is a device node"):
        read_tar(_tar({}, {"a/null": (kind, "")}), lambda _: False)


def test_damage_behind_the_last_member_is_noticed() -> None:
    data = bytearray(_tar({"a": b"x" * 5000}))
    data[-6] ^= 0xFF  # in the checksum of the gzip stream
    with pytest.raises(InvalidDistributionError, match="not a complete, readable gzipped tar file: CRC"):
        read_tar(bytes(data), lambda _: False)


@pytest.mark.parametrize("data", [b"", b"x", b"PK\5\6", b"\x1f\x8b\x08", b"x" * 10_000])
def test_other_bytes_are_no_archive(data: bytes) -> None:
    with pytest.raises(InvalidDistributionError, match="not a complete, readable zip file"):
        read_zip(data, _every)
    with pytest.raises(InvalidDistributionError, match="not a complete, readable gzipped tar file"):
        read_tar(data, lambda _: True)


def test_a_disk_that_fails_is_not_blamed_on_the_file() -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        read_zip(_zip(), _every, fail)
    with pytest.raises(OSError, match="Input/output error"):
        read_tar(_tar(), lambda _: True, fail)


def test_a_missing_file_is_not_called_an_invalid_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_zip(tmp_path / "missing.whl", _every)
    with pytest.raises(FileNotFoundError):
        read_tar(tmp_path / "missing.tar.gz", lambda _: True)
    with pytest.raises(FileNotFoundError):
        list_members(tmp_path / "missing.whl")
