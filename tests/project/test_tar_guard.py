"""Archives that cost more to read than they are worth are refused before anything interprets them."""

import gzip
import io
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS, DistributionLimits
from publisher.project.distributions import read_distribution
from publisher.project.tar_guard import TarGuard
from tests.helpers.dists import make_sdist, make_wheel, metadata
from tests.helpers.speed import is_within

PROCESSOR_TIME = 5.0
"""Seconds of processor time that any refusal may take; the worst of them took minutes."""


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)


PKG_INFO = member("evil-1.0/PKG-INFO", metadata("evil", "1.0"))
END = bytes(1024)


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(b"%d" % length) + len(key) + len(value) + 3 != length:
        length += 1
    return b"%d %s=%s\n" % (length, key, value)


TARS: dict[str, Callable[[], bytes]] = {
    "a pax header of many digits": lambda: member("x", b"1" * 60_000, b"x") + PKG_INFO,
    "many pax headers of digits": lambda: b"".join(member("x", b"1" * 8000, b"x") + PKG_INFO for _ in range(200)),
    "an enormous pax header": lambda: member("x", record(b"comment", b"x" * 100_000), b"x") + PKG_INFO,
    "chained pax headers": lambda: member("x", record(b"a", b"b"), b"x") * 600 + PKG_INFO,
    "chained long names": lambda: member("x", b"y" * 200, b"L") * 600 + PKG_INFO,
    "large global headers": lambda: member("x", record(b"a", b"b" * 5000), b"g") + PKG_INFO,
    "many global headers": lambda: (
        b"".join(member("g", record(b"k%d" % n, b"v" * 500), b"g") + member(f"evil-1.0/{n}") for n in range(50))
        + PKG_INFO
    ),
    "a size in a pax header": lambda: member("x", record(b"size", b"0"), b"x") + PKG_INFO,
    "a size of many digits in a pax header": lambda: member("x", record(b"size", b"9" * 5000), b"x") + PKG_INFO,
    "a size in a global pax header": lambda: member("x", record(b"size", b"76"), b"g") + PKG_INFO,
    "a sparse file": lambda: member("x", record(b"GNU.sparse.map", b"0,1"), b"x") + PKG_INFO,
    "an old sparse file": lambda: member("evil-1.0/s", b"", b"S") + PKG_INFO,
    "an unknown type": lambda: member("evil-1.0/s", b"", b"Z") + PKG_INFO,
    "too many members": lambda: PKG_INFO + member("evil-1.0/e") * (LIMITS.distributions.members + 1),
    "several PKG-INFOs": lambda: b"".join(member(f"t{n}/PKG-INFO", bytes(2**20)) for n in range(20)),
    "a size of the wrong base": lambda: PKG_INFO[:124] + b"99999999999\0" + PKG_INFO[136:],
    "a negative size": lambda: PKG_INFO[:124] + b"\xff" * 12 + PKG_INFO[136:],
}


def refuse(path: Path) -> str:
    began = time.process_time()
    with pytest.raises(InvalidDistributionError) as caught:
        read_distribution(path)
    assert is_within(time.process_time() - began, PROCESSOR_TIME)
    return caught.value.message


@pytest.mark.parametrize("case", TARS)
def test_a_costly_tar_is_refused(tmp_path: Path, case: str) -> None:
    path = tmp_path / "evil-1.0.tar.gz"
    path.write_bytes(gzip.compress(TARS[case]() + END, 1))
    assert refuse(path)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tars_as_people_write_them_are_read(tmp_path: Path, form: int) -> None:
    path = tmp_path / "fine-1.0.tar.gz"
    with tarfile.open(path, "w:gz", format=form, pax_headers={"comment": "a commit"}) as archive:
        for name, data in (
            ("fine-1.0/PKG-INFO", metadata("fine", "1.0")),
            ("fine-1.0/" + "long/" * (20 if form == tarfile.USTAR_FORMAT else 60) + "name.py", b"x" * 2000),
            ("fine-1.0/grüße.txt", b""),
        ):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1.5
            archive.addfile(info, io.BytesIO(data))
        folder = tarfile.TarInfo("fine-1.0/folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        link = tarfile.TarInfo("fine-1.0/link")
        link.type, link.linkname = tarfile.SYMTYPE, "PKG-INFO"
        archive.addfile(link)
    assert read_distribution(path).name == "fine"


def test_a_pax_header_may_repeat_the_size(tmp_path: Path) -> None:
    info = metadata("fine", "1.0")
    path = tmp_path / "fine-1.0.tar.gz"
    repeated = member("x", record(b"size", b"%d" % len(info)), b"x") + member("fine-1.0/PKG-INFO", info)
    path.write_bytes(gzip.compress(repeated + member("fine-1.0/other", b"x") + END))
    assert read_distribution(path).name == "fine"


HEADS: dict[str, bytes] = {
    "many different fields": b"".join(b"X%d: a\n" % number for number in range(55_000)),
    "a few hundred different fields": b"".join(b"X%d: a\n" % number for number in range(500)),
    "many equal fields": b"Classifier: x\n" * 20_000,
    "a head of megabytes": b"Summary: " + b"x" * (2 * 2**20) + b"\n",
    "folded lines of megabytes": b"Summary: x\n" + b" y\n" * 700_000,
}


@pytest.mark.parametrize("case", HEADS)
@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_metadata_with_too_many_fields_is_refused(tmp_path: Path, case: str, make: Callable[..., Path]) -> None:
    data = b"Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n" + HEADS[case] + b"\nDescription"
    assert "too many fields" in refuse(make(tmp_path, "evil", metadata_bytes=data))


def test_metadata_with_many_requirements_is_read(tmp_path: Path) -> None:
    data = metadata("fine", "1.0", "".join(f"Requires-Dist: name{n}; extra == 'e{n}'\n" for n in range(3000)))
    assert read_distribution(make_wheel(tmp_path, "fine", metadata_bytes=data)).name == "fine"


def test_a_zip_with_many_equal_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(15_000):
            archive.writestr(f"{number}", b"")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("0", b"")
    assert "twice" in refuse(path)


def test_a_zip_of_many_members_is_refused_before_an_object_is_made_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0
    info = zipfile.ZipInfo

    def counted(*arguments: Any, **options: Any) -> zipfile.ZipInfo:
        nonlocal made
        made += 1
        return info(*arguments, **options)

    monkeypatch.setattr(zipfile, "ZipInfo", counted)
    number = LIMITS.distributions.member_list // 48
    entry = b"PK\1\2" + bytes(24) + (2).to_bytes(2, "little") + bytes(16) + b"aa"
    end = b"PK\5\6" + bytes(4) + b"\xff\xff\xff\xff" + (number * 48).to_bytes(4, "little") + bytes(6)
    path = tmp_path / "evil-1.0-py3-none-any.whl"
    path.write_bytes(entry * number + end)
    assert "members" in refuse(path)
    assert made == 0


def test_a_zip_whose_directory_points_before_it_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "evil")
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\5\6")
    data[end + 12 : end + 20] = (len(data) * 2).to_bytes(4, "little") + (3).to_bytes(4, "little")
    path.write_bytes(data)
    assert refuse(path)


def test_work_on_an_archive_can_be_ended(tmp_path: Path) -> None:
    class EndedError(Exception):
        pass

    def end() -> None:
        raise EndedError

    for path in (make_wheel(tmp_path, "evil"), make_sdist(tmp_path, "evil")):
        with pytest.raises(EndedError):
            read_distribution(path, checkpoint=end)


def _read_within(limits: DistributionLimits, *parts: bytes) -> str:
    return read_distribution(gzip.compress(b"".join(parts) + END, 1), "evil-1.0.tar.gz", limits=limits).name


BOUNDS = {
    "members": (3, PKG_INFO, member("evil-1.0/a") * 2, member("evil-1.0/b")),
    "chained_headers": (2, member("x", record(b"a", b"b"), b"x") * 2 + PKG_INFO, b"", member("x", b"y", b"L")),
    "extended_header": (10, member("x", b"10 aa=bbb\n", b"x") + PKG_INFO, b"", member("x", b"11 aa=bbbb\n", b"x")),
    "global_headers": (20, member("x", b"10 aa=bbb\n", b"g") * 2 + PKG_INFO, b"", member("x", b"6 a=b\n", b"g")),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_as_much_as_is_allowed_is_read_and_one_more_is_not(name: str) -> None:
    bound, *within, beyond = BOUNDS[name]
    limits = LIMITS.distributions._replace(**{name: bound})
    assert _read_within(limits, *within) == "evil"
    with pytest.raises(InvalidDistributionError, match=r"more than 3 members|too large or too many"):
        _read_within(limits, beyond, *within)


def test_headers_in_a_row_are_counted_from_each_member() -> None:
    limits = LIMITS.distributions._replace(chained_headers=1)
    header = member("x", record(b"comment", b"b"), b"x")
    assert _read_within(limits, header, PKG_INFO, header, member("evil-1.0/a")) == "evil"


@pytest.mark.parametrize(
    "header",
    [
        b"x aa=bbb\n",
        b"8 aa=bbb\n",
        b"12 aa=bbb\n",
        b"5 aa=bbb\n",
        b"10 aa=bbb\n6 a",
        b"10 aabbbb\n",
    ],
)
def test_a_pax_header_that_is_not_one_is_refused(header: bytes) -> None:
    with pytest.raises(InvalidDistributionError, match="pax header that is not valid"):
        _read_within(LIMITS.distributions, member("x", header, b"x"), PKG_INFO)


def test_the_size_of_a_pax_header_is_for_the_next_member_alone() -> None:
    size = b"%d" % len(metadata("evil", "1.0"))
    header = member("x", record(b"size", size), b"x")
    assert _read_within(LIMITS.distributions, header, PKG_INFO, member("evil-1.0/a", b"x")) == "evil"
    with pytest.raises(InvalidDistributionError, match="sparse or an enormous file"):
        _read_within(LIMITS.distributions, PKG_INFO, header, member("evil-1.0/a", b"x"))


@pytest.mark.parametrize("value", [b"0" * 9 + b"133", b"x", b"-1", b"0" * 13])
def test_a_size_in_a_pax_header_is_at_most_as_long_as_that_of_the_header(value: bytes) -> None:
    header = member("x", record(b"size", value), b"x")
    with pytest.raises(InvalidDistributionError, match="sparse or an enormous file"):
        _read_within(LIMITS.distributions, header, PKG_INFO)


@pytest.mark.parametrize("kind", [b"0", b"\0", b"7"])
def test_kinds_of_files_are_read(kind: bytes) -> None:
    assert _read_within(LIMITS.distributions, PKG_INFO, member("evil-1.0/a", b"x" * 600, kind), member("evil-1.0/b"))


@pytest.mark.parametrize("kind", [b"0", b"\0", b"5"])
def test_a_name_that_ends_like_a_folders_is_one_without_contents(kind: bytes) -> None:
    assert _read_within(LIMITS.distributions, member("evil-1.0/folder/", b"", kind), PKG_INFO) == "evil"


@pytest.mark.parametrize("kind", [b"0", b"\0"])
def test_no_headers_hide_in_the_contents_of_a_folder(kind: bytes) -> None:
    """Versions of `tarfile` differ in whether such a folder has contents, so headers in or behind them are unseen."""
    cover = member("x", b"")[:124] + b"00007777777\0" + member("x", b"")[136:]
    chain = member("x", record(b"a", b"b"), b"x") * 600
    with pytest.raises(InvalidDistributionError, match="a folder with contents"):
        _read_within(LIMITS.distributions, member("evil-1.0/folder/", cover, kind), chain, PKG_INFO)


@pytest.mark.parametrize("first", [0o200, 0o377])
def test_a_number_in_another_base_is_refused(first: int) -> None:
    header = PKG_INFO[:124] + bytes([first]) + bytes(11) + PKG_INFO[136:]
    with pytest.raises(InvalidDistributionError, match="too large for its format"):
        _read_within(LIMITS.distributions, header)


def test_bytes_behind_the_end_are_not_looked_at() -> None:
    assert _read_within(LIMITS.distributions, PKG_INFO, END, b"x" * 2000) == "evil"


def test_a_header_may_come_in_pieces() -> None:
    class Drops(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 100, 100) if size != -1 else 100)

    data = member("x", record(b"comment", b"c" * 700), b"x") + PKG_INFO + END
    guard = TarGuard(Drops(data), LIMITS.distributions._replace(members=1))
    read = b""
    while piece := guard.read(512):
        read += piece
    assert read == data
    guard = TarGuard(Drops(data), LIMITS.distributions._replace(members=0))
    with pytest.raises(InvalidDistributionError, match="more than 0 members"):
        list(iter(lambda: guard.read(512), b""))
