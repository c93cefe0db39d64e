"""Files, folders and patterns as people and shells name them."""

from pathlib import Path

import pytest

from publisher.errors import ConfigurationError
from publisher.project.dist_files import find_dist_files

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
