"""Files, folders and patterns as people and shells name them."""

from pathlib import Path

import pytest

from publisher.errors import CheckFailedError, ConfigurationError
from publisher.project.dist_files import dist_files_in, find_dist_files

WHEEL, SDIST = "acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in (WHEEL, SDIST):
        (folder / name).write_text(name)
    return folder


def _names(paths: list[Path]) -> list[str]:
    return sorted(path.name for path in paths)


@pytest.mark.parametrize(
    "companion",
    [
        f"{WHEEL}.asc",
        f"{WHEEL}.publish.attestation",
        f"{SDIST}.sigstore.json",
        f"{SDIST}.sha256",
        "SHA256SUMS",
        "checksums.txt",
        "multiple.intoto.jsonl",
    ],
)
def test_what_signers_leave_beside_the_files_is_passed_over(dist: Path, companion: str) -> None:
    (dist / companion).write_text("x")
    assert _names(find_dist_files(dist.iterdir())) == [WHEEL, SDIST]


@pytest.mark.parametrize("named", ["dist", "dist/*", "dist/acme-*", "dist/*.whl dist/*.gz dist/empty"])
def test_folders_and_patterns_stand_for_the_distributions_in_them(dist: Path, named: str) -> None:
    (dist / "empty").mkdir()
    (dist / "empty/notes.txt").write_text("x")
    assert _names(find_dist_files(dist.parent / each for each in named.split())) == [WHEEL, SDIST]


def test_artifact_folders_one_level_below_are_looked_into(dist: Path) -> None:
    for job, name in (
        ("linux", "acme-1.0-cp311-cp311-linux_x86_64.whl"),
        ("macos", "acme-1.0-cp311-cp311-macosx_11_0_arm64.whl"),
    ):
        (dist / job).mkdir()
        (dist / job / name).write_text(job)
    assert len(find_dist_files([dist])) == len(find_dist_files(dist.iterdir())) == 4


def test_the_same_bytes_from_two_jobs_are_one_file(dist: Path) -> None:
    for job in ("one", "two"):
        (dist / job).mkdir()
        (dist / job / SDIST).write_text(SDIST)
    assert _names(find_dist_files([dist])) == [WHEEL, SDIST]
    (dist / "two" / SDIST).write_text("other")
    with pytest.raises(ConfigurationError, match=f"Two files are named {SDIST} and differ"):
        find_dist_files([dist])


@pytest.mark.parametrize("named", ["dist/*.egg", "missing-1.0.tar.gz", "missing/*", "other"])
def test_what_is_not_there_is_reported_with_its_name(dist: Path, named: str) -> None:
    (dist.parent / "other").mkdir()
    with pytest.raises(ConfigurationError, match=named.replace("*", r"\*")) as caught:
        find_dist_files([dist.parent / named])
    assert "pypi-publish build" in str(caught.value.hint)


def test_every_other_file_is_left_for_the_checks_to_refuse(dist: Path) -> None:
    (dist / "notes.txt").write_text("x")
    assert _names(find_dist_files([dist / "notes.txt"])) == ["notes.txt"]


def test_a_name_with_magic_characters_that_exists_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a[1]").mkdir()
    (tmp_path / "a[1]" / SDIST).write_text("x")
    assert _names(find_dist_files([tmp_path / "a[1]" / SDIST])) == [SDIST]


def test_files_come_in_the_order_of_their_names_and_each_once(dist: Path) -> None:
    found = find_dist_files([dist / SDIST, dist, dist / "*"])
    assert [path.name for path in found] == [SDIST, WHEEL]
    assert all(path.is_absolute() for path in found)
    assert [path.name for path in dist_files_in(dist)] == [WHEEL, SDIST]


def test_other_files_in_a_folder_and_folders_two_levels_below_are_not_looked_at(dist: Path) -> None:
    (dist / "notes.txt").write_text("x")
    (dist / "a-1.0.tar.gz").mkdir()
    (dist / "one/two").mkdir(parents=True)
    (dist / "one/two/b-1.0.tar.gz").write_text("x")
    (dist / "one/c-1.0.zip").write_text("x")
    assert [path.name for path in dist_files_in(dist)] == [WHEEL, SDIST, "c-1.0.zip"]


def test_no_names_are_no_files_and_no_failure() -> None:
    assert find_dist_files([]) == []


@pytest.mark.parametrize(("count", "shown"), [(3, "e0, {}e1, {}e2."), (4, "e0, {}e1, {}e2, ...")])
def test_three_empty_folders_are_named_and_more_are_hinted_at(tmp_path: Path, count: int, shown: str) -> None:
    for number in range(count):
        (tmp_path / f"e{number}").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        find_dist_files([tmp_path / f"e{number}" for number in range(count)])
    assert caught.value.message.endswith(shown.replace("{}", f"{tmp_path}/"))
    assert "pypi-publish build" in str(caught.value.hint)


def test_a_link_to_nothing_is_a_file_that_can_not_be_read(dist: Path) -> None:
    (dist / "b-1.0.tar.gz").symlink_to("missing")
    assert _names(find_dist_files([dist / "b-1.0.tar.gz"])) == ["b-1.0.tar.gz"]
    (dist / "one").mkdir()
    (dist / "one/b-1.0.tar.gz").write_text("x")
    with pytest.raises(CheckFailedError, match=r"b-1\.0\.tar\.gz can't be read: No such file"):
        find_dist_files([dist / "b-1.0.tar.gz", dist / "one/b-1.0.tar.gz"])


def test_a_folder_that_can_not_be_read_is_reported(dist: Path) -> None:
    with pytest.raises(CheckFailedError, match="missing can't be read: No such file"):
        list(dist_files_in(dist / "missing"))


@pytest.mark.parametrize(
    "name", ["A.WHL.ASC", "x.crt", "x.minisig", "x.pem", "x.sig", "x.md5", "x.sha512", "sha512sums"]
)
def test_companions_are_known_in_any_case(dist: Path, name: str) -> None:
    (dist / name).write_text("x")
    assert find_dist_files([dist / WHEEL, dist / name]) == [dist / WHEEL]
    with pytest.raises(ConfigurationError, match="No wheel or sdist in"):
        find_dist_files([dist / name])
