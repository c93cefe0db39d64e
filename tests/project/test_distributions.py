import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS
from publisher.project.distributions import Kind, parse_filename, read_distribution
from tests.helpers.dists import make_sdist, make_wheel, metadata


def test_a_wheel_says_name_version_and_metadata(tmp_path: Path) -> None:
    extra = "Requires-Python: >=3.11\n"
    path = make_wheel(tmp_path, metadata_bytes=metadata("Acme.Widgets", "1.0", extra))

    wheel = read_distribution(path)

    assert (wheel.kind, wheel.name, str(wheel.version)) == (Kind.WHEEL, "acme-widgets", "1.0")
    assert (wheel.display_name, wheel.requires_python) == ("Acme.Widgets", ">=3.11")
    assert wheel.metadata == metadata("Acme.Widgets", "1.0", extra)


def test_an_sdist_says_name_version_and_metadata(tmp_path: Path) -> None:
    sdist = read_distribution(make_sdist(tmp_path, members={"acme_widgets-1.0/tests/PKG-INFO": b"a decoy"}))
    assert (sdist.kind, sdist.name, str(sdist.version)) == (Kind.SDIST, "acme-widgets", "1.0")


def test_a_file_under_a_temporary_name_is_read_under_its_own(tmp_path: Path) -> None:
    path = make_wheel(tmp_path).rename(tmp_path / "upload-1234")
    assert read_distribution(path, "acme_widgets-1.0-py3-none-any.whl").name == "acme-widgets"


@pytest.mark.parametrize(
    "name",
    [
        "acme_widgets-1.0-py3-none-any.exe",
        "acme_widgets-1.0-py3-none.whl",
        "acme_widgets-one-py3-none-any.whl",
        "acme_widgets.tar.gz",
        "../acme_widgets-1.0.tar.gz",
        "a/b-1.0.tar.gz",
        "a\\b-1.0.tar.gz",
        "acme-1.0-py3-none-/../../any.whl",
        "acme-1.0-py3-none-a\\b.whl",
        "acme-1.0-py3-none-an\x00y.whl",
        "acme\n-1.0.tar.gz",
        "acme\x00-1.0.tar.gz",
        "",
        ".whl",
        ".acme-1.0.tar.gz",
        "<b>acme-1.0.tar.gz",
        "-acme-1.0.zip",
        "äcme-1.0-py3-none-any.whl",
        "a" * 300 + "-1.0.tar.gz",
    ],
)
def test_names_that_no_distribution_has_are_refused(name: str) -> None:
    with pytest.raises(InvalidDistributionError):
        parse_filename(name)


def test_metadata_of_another_project_or_version_is_refused(tmp_path: Path) -> None:
    for other in (metadata("other", "1.0"), metadata("acme_widgets", "2.0")):
        with pytest.raises(InvalidDistributionError, match=r"acme_widgets-1\.0"):
            read_distribution(make_wheel(tmp_path, metadata_bytes=other))


@pytest.mark.parametrize("missing", ["METADATA", "WHEEL", "RECORD"])
def test_a_wheel_without_its_parts_is_refused(tmp_path: Path, missing: str) -> None:
    with pytest.raises(InvalidDistributionError, match=missing):
        read_distribution(make_wheel(tmp_path, without=missing))


@pytest.mark.parametrize(
    "member", ["../evil.py", "/etc/passwd", "a/../../evil.py", "C:/evil.py", "a\\b.py", "tab\there"]
)
def test_members_that_leave_the_archive_are_refused(tmp_path: Path, member: str) -> None:
    with pytest.raises(InvalidDistributionError, match="member"):
        read_distribution(make_wheel(tmp_path, members={member: b""}))
    with pytest.raises(InvalidDistributionError, match="member"):
        read_distribution(make_sdist(tmp_path, members={member: b""}))


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"])
def test_links_that_leave_the_archive_are_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(InvalidDistributionError, match="leaves the archive"):
        read_distribution(make_sdist(tmp_path, links={"acme_widgets-1.0/link": target}))


def test_links_inside_the_archive_are_fine(tmp_path: Path) -> None:
    read_distribution(make_sdist(tmp_path, links={"acme_widgets-1.0/docs/link": "../PKG-INFO"}))


def test_device_nodes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "acme_widgets-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("acme_widgets-1.0/null")
        info.type = tarfile.CHRTYPE
        archive.addfile(info)
    with pytest.raises(InvalidDistributionError, match="device"):
        read_distribution(path)


@pytest.mark.parametrize("keep", [0, 1, 40, 200, -1, -30])
def test_half_a_file_is_refused(tmp_path: Path, keep: int) -> None:
    for path in (make_wheel(tmp_path), make_sdist(tmp_path)):
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(InvalidDistributionError, match="readable"):
            read_distribution(path)


def test_an_archive_that_expands_without_bound_is_refused(tmp_path: Path) -> None:
    bomb = bytes(LIMITS.distributions.expansion_floor + 1)
    with pytest.raises(InvalidDistributionError, match="expands"):
        read_distribution(make_wheel(tmp_path, members={"bomb": bomb}))
    with pytest.raises(InvalidDistributionError, match="expands"):
        read_distribution(make_sdist(tmp_path, members={"acme_widgets-1.0/bomb": bomb}))


def test_a_member_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("acme_widgets-1.0.dist-info/METADATA", metadata("acme_widgets", "1.0"))
    with pytest.raises(InvalidDistributionError, match="twice"):
        read_distribution(path)


def test_of_a_pkg_info_that_stands_twice_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "acme_widgets-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for data in (metadata("acme_widgets", "0.9"), metadata("acme_widgets", "1.0")):
            info = tarfile.TarInfo("acme_widgets-1.0/PKG-INFO")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert read_distribution(path).metadata == metadata("acme_widgets", "1.0")


def test_a_second_dist_info_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDistributionError, match="exactly one"):
        read_distribution(make_wheel(tmp_path, members={"other-1.0.dist-info/METADATA": b""}))


def test_an_sdist_with_two_top_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDistributionError, match="top-level"):
        read_distribution(make_sdist(tmp_path, members={"other/file": b""}))


def test_a_zip_sdist_is_read(tmp_path: Path) -> None:
    path = tmp_path / "acme_widgets-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("acme_widgets-1.0/PKG-INFO", metadata("acme-widgets", "1.0"))
    assert read_distribution(path).kind is Kind.SDIST


@pytest.mark.parametrize(
    "metadata_bytes", [b"", b"\xff\xfe", b"Name: acme\n", b"Metadata-Version: 2.1\nName: a\nName: b\n"]
)
def test_metadata_without_its_required_fields_is_refused(tmp_path: Path, metadata_bytes: bytes) -> None:
    path = make_wheel(tmp_path, metadata_bytes=metadata_bytes or b"\n")
    with pytest.raises(InvalidDistributionError, match="metadata"):
        read_distribution(path)


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    data = bytearray(path.read_bytes())
    central = io.BytesIO(data).getvalue().index(b"PK\x01\x02")
    data[central + 8] |= 1  # the general purpose flag of the first entry of the central directory
    path.write_bytes(data)
    with pytest.raises(InvalidDistributionError, match="encrypted"):
        read_distribution(path)
