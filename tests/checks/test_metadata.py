"""Metadata of built files: what stops an upload, what is a warning, and what passes."""

from pathlib import Path

import pytest

from publisher.checks.engine import enforce_files
from publisher.errors import CheckFailedError
from publisher.project.distributions import Distribution, read_distribution
from tests.helpers.dists import make_sdist, make_wheel, metadata

BROKEN_RST = "Title\n===\n\n.. unknown-directive::\n\n`unfinished\n"


def _wheel(folder: Path, extra: str = "", description: str = "# x\n", declared: str = "2.1") -> Distribution:
    data = metadata("acme_widgets", "1.0", extra, description=description)
    data = data.replace(b"Metadata-Version: 2.1", f"Metadata-Version: {declared}".encode())
    return read_distribution(make_wheel(folder, metadata_bytes=data))


def _warnings(*distributions: Distribution) -> set[str]:
    return {violation.rule.code for violation in enforce_files(distributions)}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("Requires-Python: three\n", "PP701 the metadata field 'requires-python'"),
        ("Requires-Dist: not a requirement!\n", "PP701 the metadata field 'requires-dist'"),
    ],
)
def test_metadata_that_ends_installations_stops_the_upload(tmp_path: Path, extra: str, message: str) -> None:
    with pytest.raises(CheckFailedError, match=message) as caught:
        enforce_files([_wheel(tmp_path, extra)])
    assert "check --explain PP701" in str(caught.value.hint)


def test_metadata_of_another_major_version_stops_the_upload(tmp_path: Path) -> None:
    with pytest.raises(CheckFailedError, match="PP701"):
        enforce_files([_wheel(tmp_path, declared="3.0")])


@pytest.mark.parametrize(
    ("extra", "description", "declared", "code"),
    [
        # files that the public index has carried for years
        ("License-Expression: MIT\n", "# x\n", "2.1", "PP717"),
        ("License-Expression: MIT\n", "# x\n", "2.3", "PP717"),
        ("Requires-Dist: attrs\nRequires-Python: >=3.8\n", "# x\n", "1.1", "PP717"),
        ("Invented-Field: 1\n", "# x\n", "2.1", "PP717"),
        ("Description-Content-Type: application/pdf\n", "x", "2.1", "PP717"),
        ("", "# x\n", "2.99", "PP717"),
        ("Description-Content-Type: text/x-rst\n", BROKEN_RST, "2.1", "PP702"),
        ("", "", "2.1", "PP716"),
    ],
)
def test_metadata_that_our_index_and_installers_accept_is_a_warning(
    tmp_path: Path, extra: str, description: str, declared: str, code: str
) -> None:
    assert code in _warnings(_wheel(tmp_path, extra, description, declared))


@pytest.mark.parametrize(
    ("extra", "description"),
    [
        ("", "# Markdown *cannot* fail\n"),
        ("Description-Content-Type: text/plain\n", BROKEN_RST),
        ("Description-Content-Type: text/x-rst; charset=UTF-8\n", "Title\n=====\n\nText.\n"),
        ("License-File: LICENSE\n", "# what setuptools wrote before metadata 2.4\n"),
    ],
)
def test_good_metadata_passes_without_a_word(tmp_path: Path, extra: str, description: str) -> None:
    assert _warnings(_wheel(tmp_path, extra, description)) == set()


def test_every_violation_is_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(CheckFailedError) as caught:
        enforce_files([_wheel(tmp_path, "Requires-Python: three\nRequires-Dist: two of them\n")])
    assert len(caught.value.message.splitlines()) == 2


def test_wheel_and_sdist_of_different_versions_are_refused(tmp_path: Path) -> None:
    files = [read_distribution(make_wheel(tmp_path, version="1.1")), read_distribution(make_sdist(tmp_path))]
    with pytest.raises(CheckFailedError, match=r"PP703 the wheel has the version 1\.1, the sdist 1\.0"):
        enforce_files(files)


def test_several_releases_of_a_project_are_accepted(tmp_path: Path) -> None:
    files = [make(tmp_path, version=version) for version in ("1.0", "1.1") for make in (make_wheel, make_sdist)]
    assert _warnings(*map(read_distribution, files)) == set()


def test_a_secret_is_a_warning_and_a_key_of_the_tests_is_none(tmp_path: Path) -> None:
    keys = {"acme_widgets-1.0/tests/data/id_rsa": b"x", "acme_widgets-1.0/test_data/server.p12": b"x"}
    assert _warnings(read_distribution(make_sdist(tmp_path, members=keys))) == set()
    leaked = make_sdist(tmp_path, members={"acme_widgets-1.0/.pypirc": b"x"})
    assert _warnings(read_distribution(leaked)) == {"PP713"}
