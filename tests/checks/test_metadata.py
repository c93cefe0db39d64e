from pathlib import Path

import pytest

from publisher.checks.metadata import check, warnings
from publisher.errors import CheckFailedError
from publisher.project.distributions import read_distribution
from tests.helpers.dists import make_sdist, make_wheel, metadata

BROKEN_RST = "Title\n===\n\n.. unknown-directive::\n\n`unfinished\n"


@pytest.mark.parametrize(
    ("extra", "description", "message"),
    [
        ("Requires-Python: three\n", "# x\n", "requires-python"),
        ("Requires-Dist: not a requirement!\n", "# x\n", "requires-dist"),
        ("Invented-Field: 1\n", "# x\n", "invented-field"),
        ("Description-Content-Type: text/x-rst\n", BROKEN_RST, "does not render as reStructuredText: .*line "),
        ("Description-Content-Type: application/pdf\n", "x", "description-content-type"),
    ],
)
def test_wrong_metadata_is_found(tmp_path: Path, extra: str, description: str, message: str) -> None:
    wheel = read_distribution(
        make_wheel(tmp_path, metadata_bytes=metadata("acme_widgets", "1.0", extra, description=description))
    )
    with pytest.raises(CheckFailedError, match=message):
        check([wheel])


@pytest.mark.parametrize(
    ("extra", "description"),
    [
        ("", "# Markdown *cannot* fail\n"),
        ("Description-Content-Type: text/plain\n", BROKEN_RST),
        ("Description-Content-Type: text/x-rst; charset=UTF-8\n", "Title\n=====\n\nText.\n"),
        ("License-File: LICENSE\n", "# what setuptools wrote before metadata 2.4\n"),
    ],
)
def test_good_metadata_passes(tmp_path: Path, extra: str, description: str) -> None:
    data = metadata("acme_widgets", "1.0", extra, description=description)
    check([read_distribution(make_wheel(tmp_path, metadata_bytes=data))])


def test_every_finding_is_told_at_once(tmp_path: Path) -> None:
    data = metadata("acme_widgets", "1.0", "Requires-Python: three\nInvented-Field: 1\n")
    with pytest.raises(CheckFailedError) as caught:
        check([read_distribution(make_wheel(tmp_path, metadata_bytes=data))])
    assert len(caught.value.message.splitlines()) == 2


def test_wheel_and_sdist_of_different_versions_are_refused(tmp_path: Path) -> None:
    files = [read_distribution(make_wheel(tmp_path, version="1.1")), read_distribution(make_sdist(tmp_path))]
    with pytest.raises(CheckFailedError, match=r"the wheel has the version 1\.1, the sdist 1\.0"):
        check(files)


def test_a_missing_description_is_only_a_warning(tmp_path: Path) -> None:
    wheel = read_distribution(make_wheel(tmp_path, metadata_bytes=metadata("acme_widgets", "1.0", description="")))
    check([wheel])
    assert "no description" in str(warnings([wheel])[0])
