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
from publisher.limits import LIMITS
from publisher.project.distributions import read_distribution
from tests.helpers.dists import make_sdist, make_wheel, metadata

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
    assert time.process_time() - began < PROCESSOR_TIME
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
    number = LIMITS.distributions.zip_directory // 48
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
