import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

from publisher.errors import InvalidDistributionError, OversizedDistributionError
from publisher.limits import LIMITS, DistributionLimits
from publisher.project.distributions import parse_filename, parse_metadata, read_distribution
from publisher.project.kinds import Kind
from tests.helpers.dists import make_sdist, make_wheel, metadata


def test_a_wheel_says_name_version_and_metadata(tmp_path: Path) -> None:
    extra = "Requires-Python: >=3.11\n"
    path = make_wheel(tmp_path, metadata_bytes=metadata("Acme.Widgets", "1.0", extra))

    wheel = read_distribution(path)

    assert (wheel.kind, wheel.name, str(wheel.version)) == (Kind.WHEEL, "acme-widgets", "1.0")
    assert (wheel.display_name, wheel.requires_python) == ("Acme.Widgets", ">=3.11")
    assert wheel.metadata == metadata("Acme.Widgets", "1.0", extra)
    info = "acme_widgets-1.0.dist-info"
    assert wheel.files == ["acme_widgets/__init__.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"]


def test_an_sdist_says_name_version_and_metadata(tmp_path: Path) -> None:
    sdist = read_distribution(make_sdist(tmp_path, members={"acme_widgets-1.0/tests/PKG-INFO": b"a decoy"}))
    assert (sdist.kind, sdist.name, str(sdist.version)) == (Kind.SDIST, "acme-widgets", "1.0")
    assert sdist.files == [f"acme_widgets-1.0/{name}" for name in ("PKG-INFO", "pyproject.toml", "tests/PKG-INFO")]


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


WHEEL = "acme_widgets-1.0-py3-none-any.whl"


def test_a_distribution_in_memory_has_only_its_name_as_path(tmp_path: Path) -> None:
    found = read_distribution(make_wheel(tmp_path).read_bytes(), WHEEL)
    assert (found.path, found.filename) == (Path(WHEEL), WHEEL)
    assert repr(found).count("Metadata-Version") == 0


def test_a_file_keeps_its_path_whatever_it_is_called(tmp_path: Path) -> None:
    path = make_wheel(tmp_path).rename(tmp_path / "upload")
    found = read_distribution(path, WHEEL)
    assert (found.path, found.filename) == (path, WHEEL)


def test_every_refusal_begins_with_the_name_and_keeps_its_class(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    with pytest.raises(OversizedDistributionError, match=f"^{WHEEL}: "):
        read_distribution(path, limits=LIMITS.distributions._replace(metadata=10))
    with pytest.raises(InvalidDistributionError, match="is neither a wheel") as caught:
        read_distribution(path.rename(tmp_path / "acme.exe"))
    assert "dist/*.whl" in str(caught.value.hint)


def test_the_longest_name_of_a_file_is_read_and_a_longer_one_is_not() -> None:
    limit = LIMITS.distributions.filename
    longest = f"{'a' * (limit - len('-1.0.tar.gz'))}-1.0.tar.gz"
    assert parse_filename(longest).text == longest
    with pytest.raises(InvalidDistributionError, match=f"is longer than {limit} bytes"):
        parse_filename(f"a{longest}")
    with pytest.raises(InvalidDistributionError, match="is longer than"):
        parse_filename(f"ä{longest[1:]}")


def test_as_many_tags_as_installers_know_are_read_and_more_are_not() -> None:
    ten = ".".join(f"p{number}" for number in range(10))
    assert parse_filename(f"a-1.0-{ten}-{ten}-{ten}.whl").version == Version("1.0")
    with pytest.raises(InvalidDistributionError, match="more tags than installers know"):
        parse_filename(f"a-1.0-{ten}.x-{ten}-{ten}.whl")


@pytest.mark.parametrize(
    ("text", "kind", "name", "version"),
    [
        ("Acme.Widgets-1.0-py3-none-any.whl", Kind.WHEEL, "acme-widgets", "1.0"),
        ("acme-1.0-1build-py2.py3-none-any.whl", Kind.WHEEL, "acme", "1.0"),
        ("acme-1.0+local.1-py3-none-any.whl", Kind.WHEEL, "acme", "1.0+local.1"),
        ("acme-widgets-1.0.tar.gz", Kind.SDIST, "acme-widgets", "1.0"),
        ("acme-1.0.zip", Kind.SDIST, "acme", "1.0"),
    ],
)
def test_names_of_files_say_kind_name_and_version(text: str, kind: Kind, name: str, version: str) -> None:
    found = parse_filename(text)
    assert (found.kind, found.name, found.version) == (kind, name, Version(version))
    assert kind.value == {Kind.WHEEL: "bdist_wheel", Kind.SDIST: "sdist"}[kind]


def _metadata(count: int, *, line: bytes = b"X%d: a\n") -> bytes:
    return b"".join(line % number if b"%d" in line else line for number in range(count)) + b"\ntext"


@pytest.mark.parametrize(
    ("limits", "within", "beyond"),
    [
        (LIMITS.distributions._replace(field_names=5), _metadata(5), _metadata(6)),
        (
            LIMITS.distributions._replace(metadata_fields=5),
            _metadata(5, line=b"A: b\n"),
            _metadata(6, line=b"A: b\n"),
        ),
        (LIMITS.distributions._replace(metadata_head=8), b"A: bcdef", b"A: bcdefg"),
        (LIMITS.distributions._replace(metadata_head=8), b"A: bcd\n\n" + b"x" * 90, b"A: bcdefg\n\n"),
    ],
)  # fmt: skip
def test_as_many_fields_as_are_allowed_are_read_and_more_are_not(
    limits: DistributionLimits, within: bytes, beyond: bytes
) -> None:
    parse_metadata(within, limits)
    with pytest.raises(OversizedDistributionError, match="too many fields"):
        parse_metadata(beyond, limits)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_of_metadata_may_end_in_three_ways(end: bytes) -> None:
    limits = LIMITS.distributions._replace(field_names=2)
    parse_metadata(
        b"A: b" + end + b"C: d" + end + b" folded: e" + end + b"\tmore: f" + end + end + b"G: h" + end, limits
    )
    with pytest.raises(OversizedDistributionError):
        parse_metadata(b"A: b" + end + b"C: d" + end + b"E: f" + end + end, limits)


@pytest.mark.parametrize("name", [b"Content-Type", b"content-type ", b"CONTENT-TYPE"])
def test_a_field_that_is_for_mail_is_refused(name: bytes) -> None:
    with pytest.raises(InvalidDistributionError, match="Content-Type, which is for mail"):
        parse_metadata(b"Name: a\n" + name + b": multipart/mixed\n\n")
    parse_metadata(b"Name: a\n\nContent-Type: in the description\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Name: acme_widgets\nVersion: 1.0\n", "no valid Metadata-Version"),
        ("Metadata-Version: 2.1\nVersion: 1.0\n", "no Name field, or several"),
        ("Metadata-Version: 2.1\nName: acme_widgets\nName: acme_widgets\nVersion: 1.0\n", "no Name field, or several"),
        ("Metadata-Version: 2.1\nName: acme_widgets\n", "no Version field, or several"),
        ("Metadata-Version: 2.1\nName: acme_widgets\nVersion: 1.0\nVersion: 1.0\n", "no Version field, or several"),
        ("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", "the project 'other', its file name 'acme-widgets'"),
        ("Metadata-Version: 2.1\nName: acme_widgets\nVersion: 1.1\n", "has the version '1.1', not '1.0'"),
    ],
)  # fmt: skip
def test_metadata_that_does_not_agree_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidDistributionError, match=reason):
        read_distribution(make_wheel(tmp_path, metadata_bytes=text.encode()))


def test_the_kelvin_sign_is_no_k(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "kit", metadata_bytes=metadata("\u212ait", "1.0"))
    with pytest.raises(InvalidDistributionError, match="names the project"):
        read_distribution(path)


def test_versions_agree_however_they_are_written(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, version="1.0.0", metadata_bytes=metadata("Acme.Widgets", "1"))
    assert read_distribution(path).version == Version("1")


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("other-1.0.dist-info", "for another name or version"),
        ("acme_widgets-2.0.dist-info", "for another name or version"),
        ("acme_widgets-1.0.dist-infos", "this one has none"),
    ],
)
def test_the_folder_of_a_wheel_is_that_of_its_file_name(tmp_path: Path, folder: str, reason: str) -> None:
    path = tmp_path / WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("METADATA", "WHEEL", "RECORD"):
            archive.writestr(f"{folder}/{name}", metadata("acme_widgets", "1.0"))
    with pytest.raises(InvalidDistributionError, match=reason):
        read_distribution(path)


def test_two_folders_of_a_wheel_are_both_named(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, members={"b-1.0.dist-info/x": b"", "c.dist-info": b""})
    with pytest.raises(
        InvalidDistributionError, match=r"this one has acme_widgets-1\.0\.dist-info, b-1\.0\.dist-info$"
    ):
        read_distribution(path)


@pytest.mark.parametrize(
    ("count", "shown"), [(2, "a0, acme_widgets-1.0"), (3, "a0, a1, acme_widgets-1.0"), (5, "a0, a1, a2 and 2 more")]
)
def test_three_folders_of_an_sdist_are_named_and_more_are_counted(tmp_path: Path, count: int, shown: str) -> None:
    members = {f"a{number}/file": b"" for number in range(count - 1)}
    with pytest.raises(InvalidDistributionError, match=f"exactly one top-level folder, this one has {shown}$"):
        read_distribution(make_sdist(tmp_path, members=members))


@pytest.mark.parametrize("name", ["acme_widgets-1.0/other", "acme_widgets-1.0/below/PKG-INFO"])
def test_an_sdist_without_metadata_at_its_top_is_refused(tmp_path: Path, name: str) -> None:
    tar, packed = tmp_path / "acme_widgets-1.0.tar.gz", tmp_path / "acme_widgets-1.0.zip"
    with tarfile.open(tar, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name))
    with zipfile.ZipFile(packed, "w") as archive_of_zip:
        archive_of_zip.writestr(name, b"")
    for path in (tar, packed):
        with pytest.raises(InvalidDistributionError, match=r"the sdist has no acme_widgets-1\.0/PKG-INFO"):
            read_distribution(path)


def test_an_empty_sdist_has_no_top_folder(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "acme-1.0.tar.gz", "w:gz"):
        pass
    with pytest.raises(InvalidDistributionError, match="this one has none"):
        read_distribution(tmp_path / "acme-1.0.tar.gz")


def test_fields_that_are_missing_have_defaults(tmp_path: Path) -> None:
    found = read_distribution(make_wheel(tmp_path))
    assert (found.display_name, found.requires_python) == ("acme_widgets", None)
