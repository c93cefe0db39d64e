"""Unpacking a backend's sdist, also on Pythons without the extraction filters of PEP 706 (before 3.11.4)."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from publisher.building.sdists import unpack_sdist
from publisher.errors import BuildFailedError


@pytest.fixture(params=["filters", "no filters"], autouse=True)
def _filters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no filters":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


def _sdist(path: Path, **members: tuple[bytes, str]) -> Path:
    """Write an sdist with a file, and members of other types, each with its link."""
    with tarfile.open(path, "w:gz") as archive:
        tool = tarfile.TarInfo("a-1/tool")
        tool.size, tool.mode = 8, 0o775
        archive.addfile(tool, io.BytesIO(b"contents"))
        for name, (kind, link) in members.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            archive.addfile(member)
    return path


def test_files_keep_their_contents_and_the_permission_to_execute(tmp_path: Path) -> None:
    sdist = _sdist(tmp_path / "a-1.tar.gz", **{"a-1/soft": (tarfile.SYMTYPE, "tool")})
    folder = unpack_sdist(sdist, tmp_path / "target")
    assert (folder.name, (folder / "soft").read_text()) == ("a-1", "contents")
    assert stat.S_IMODE((folder / "tool").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("../outside", tarfile.REGTYPE, ""),
        ("a-1/soft", tarfile.SYMTYPE, "../../outside"),
        ("a-1/soft", tarfile.SYMTYPE, "/etc/passwd"),
        ("a-1/hard", tarfile.LNKTYPE, "../outside"),
        ("a-1/device", tarfile.CHRTYPE, ""),
    ],
)
def test_nothing_is_written_outside_of_the_target(tmp_path: Path, name: str, kind: bytes, link: str) -> None:
    sdist = _sdist(tmp_path / "a-1.tar.gz", **{name: (kind, link)})
    with pytest.raises(BuildFailedError, match="can't be unpacked"):
        unpack_sdist(sdist, tmp_path / "below/target")
    assert not list(tmp_path.rglob("outside"))


def test_a_virtual_environment_in_an_sdist_is_named(tmp_path: Path) -> None:
    members = {
        "a-1/try-it/pyvenv.cfg": (tarfile.REGTYPE, ""),
        "a-1/try-it/bin/python3": (tarfile.SYMTYPE, "/usr/bin/python3"),
    }
    with pytest.raises(BuildFailedError, match=r"contains the virtual environment try-it\.") as caught:
        unpack_sdist(_sdist(tmp_path / "a-1.tar.gz", **members), tmp_path / "target")
    assert caught.value.hint == "Move try-it out of the project, or add it to .gitignore."


def test_a_zip_file_is_unpacked_and_more_than_one_folder_is_reported(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a-1.zip", "w") as archive:
        archive.writestr("a-1/PKG-INFO", "")
    assert unpack_sdist(tmp_path / "a-1.zip", tmp_path / "one").name == "a-1"
    with zipfile.ZipFile(tmp_path / "a-1.zip", "a") as archive:
        archive.writestr("b-1/PKG-INFO", "")
    with pytest.raises(BuildFailedError, match="exactly one folder"):
        unpack_sdist(tmp_path / "a-1.zip", tmp_path / "two")
