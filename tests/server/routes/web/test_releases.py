"""Files of a project put together to releases, and the release that is shown first."""

from pathlib import Path

import pytest

from publisher.server.routes.web.releases import ReleaseView, releases_of, shown_first
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.projects import StoredFile


def _file(
    version: str, *, ending: str = "-py3-none-any.whl", uploaded: str = "2026-01-01", yanked: str | None = None
) -> StoredFile:
    name = f"acme-{version}{ending}"
    return StoredFile(name, Path(name), name, version, FileMetadata(1, 1, "0" * 64, uploaded), yanked)


def test_releases_are_listed_by_version_with_the_newest_first() -> None:
    found = releases_of([_file("1.9"), _file("1.10"), _file("2.0rc1"), _file("0.1.dev1"), _file("1.10.post1")])
    assert [each.version for each in found] == ["2.0rc1", "1.10.post1", "1.10", "1.9", "0.1.dev1"]
    assert [each.is_prerelease for each in found] == [True, False, False, False, True]


def test_files_with_equal_versions_are_one_release_with_its_wheels_last() -> None:
    files = [_file("1.0"), _file("1.0.0", ending=".tar.gz"), _file("1.0", ending="-cp311-cp311-linux_x86_64.whl")]
    (release,) = releases_of(files)
    assert [each.filename for each in release.files] == [
        "acme-1.0.0.tar.gz",
        "acme-1.0-cp311-cp311-linux_x86_64.whl",
        "acme-1.0-py3-none-any.whl",
    ]
    assert release.main_file.filename == "acme-1.0-cp311-cp311-linux_x86_64.whl"
    assert releases_of(files[1:2])[0].main_file.filename == "acme-1.0.0.tar.gz"


def test_files_without_a_version_come_last() -> None:
    found = releases_of([_file(""), _file("1.0"), _file("not a version")])
    assert found[0].version == "1.0"
    assert found[-1].version == ""
    assert not any(each.is_prerelease for each in found)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ([None], None),
        ([""], ""),
        (["broken"], "broken"),
        (["broken", None], None),
        ([None, "broken"], None),
        (["", "broken"], "broken"),
        (["first", "second"], "first"),
    ],
)
def test_a_release_is_yanked_when_all_of_its_files_are(reasons: list[str | None], expected: str | None) -> None:
    files = [_file("1.0", ending=f"-{number}.tar.gz", yanked=reason) for number, reason in enumerate(reasons)]
    assert releases_of(files)[0].yanked == expected


def test_a_release_was_published_with_its_first_file() -> None:
    files = [_file("1.0", uploaded="2026-03-01"), _file("1.0", ending=".tar.gz", uploaded="2026-02-01")]
    assert releases_of(files)[0].uploaded == "2026-02-01"


@pytest.mark.parametrize(
    ("versions", "yanked", "expected"),
    [
        ([], (), None),
        (["1.0", "2.0"], (), "2.0"),
        (["1.0", "2.0rc1"], (), "1.0"),
        (["1.0", "2.0"], ("2.0",), "1.0"),
        (["1.0rc1", "2.0"], ("2.0",), "1.0rc1"),
        (["1.0rc1", "2.0rc1"], (), "2.0rc1"),
        (["1.0", "2.0rc1"], ("1.0", "2.0rc1"), "2.0rc1"),
    ],
)
def test_the_release_that_installers_take_is_shown_first(
    versions: list[str], yanked: tuple[str, ...], expected: str | None
) -> None:
    files = [_file(each, yanked="broken" if each in yanked else None) for each in versions]
    found: ReleaseView | None = shown_first(releases_of(files))
    assert (found.version if found is not None else None) == expected
