"""The path of a URL path is that of this moment, whatever was asked for before."""

from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.server.store import contents as contents_module
from publisher.server.store.contents import FolderContents
from publisher.server.store.scan import read_folders
from publisher.server.store.snapshot.encoding import Snapshot
from tests.helpers.dists import make_wheel

NAME = "widgets-1.0-py3-none-any.whl"


def _remove(contents: FolderContents, folder: Path) -> None:
    contents.remove(str(folder), NAME, 1)


def _withhold(contents: FolderContents, folder: Path) -> None:
    contents.withhold(str(folder), NAME)


def _delete_and_scan(contents: FolderContents, folder: Path) -> None:
    (folder / NAME).unlink()
    _scan(contents, 2)


@pytest.mark.parametrize("change", [_remove, _withhold, _delete_and_scan])
@pytest.mark.parametrize(("changed", "expected"), [("first", "second"), ("second", "first")])
def test_a_file_in_two_folders_is_the_first_that_is_there(
    tmp_path: Path, change: Callable[[FolderContents, Path], None], changed: str, expected: str
) -> None:
    contents, _ = _two_folders(tmp_path)
    assert contents.path_of(NAME) == str(tmp_path / "first" / NAME)
    change(contents, tmp_path / changed)
    assert contents.path_of(NAME) == str(tmp_path / expected / NAME)


def test_a_file_comes_back_when_it_is_released_or_uploaded_anew(tmp_path: Path) -> None:
    contents, folders = _two_folders(tmp_path)
    first, second = (str(folder / NAME) for folder in folders)
    contents.withhold(str(folders[0]), NAME)
    assert contents.path_of(NAME) == second
    contents.release(str(folders[0]), NAME)
    assert contents.path_of(NAME) == first
    contents.remove(str(folders[0]), NAME, 1)
    assert contents.path_of(NAME) == second
    contents.add_upload(str(folders[0]), NAME, 1)
    assert contents.path_of(NAME) == first


@pytest.mark.parametrize("share", [1, 3, 1000])
def test_a_scan_lists_all_files_however_many_are_grouped_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    monkeypatch.setattr(contents_module, "_SHARE", share)
    names = [f"{project}-{version}-py3-none-any.whl" for project in ("a_b", "a.b", "c", "d") for version in range(5)]
    names += ["c-9.tar.gz", "c-9.tar.gz.asc", "d-9-1-py3-none-any.whl"]
    for name in [*names, "README.txt"]:
        (tmp_path / name).touch()
    contents = FolderContents([tmp_path])
    _scan(contents, 1)
    expected: dict[str, set[str]] = {"a-b": set(), "c": set(), "d": set()}
    for name in names:
        if not name.endswith(".asc"):
            expected["a-b" if name.startswith("a") else name[0]].add(name)
    assert {name: set(project.places) for name, project in contents.projects.items()} == expected
    assert contents.unrecorded == contents.unnoted == set(expected)


@pytest.mark.parametrize(("copied", "is_news"), [(None, False), ("gadgets", False), ("widgets", True)])
def test_a_scan_that_finds_an_upload_leaves_its_project_in_memory(
    tmp_path: Path, copied: str | None, *, is_news: bool
) -> None:
    contents = FolderContents([tmp_path])
    _scan(contents, 1)
    make_wheel(tmp_path, "widgets")
    contents.add_upload(str(tmp_path), NAME, 1)
    project = contents.projects["widgets"]
    project.files = {}
    if copied is not None:
        make_wheel(tmp_path, copied, "2.0")
    _scan(contents, 2)
    assert (project.files is None) is is_news
    assert contents.unrecorded == ({copied} if copied else set())
    _scan(contents, 3)
    assert set(project.places) == ({NAME, "widgets-2.0-py3-none-any.whl"} if is_news else {NAME})


def _two_folders(tmp_path: Path) -> tuple[FolderContents, list[Path]]:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        make_wheel(folder, "widgets")
    contents = FolderContents(folders)
    _scan(contents, 1)
    return contents, folders


def _scan(contents: FolderContents, number: int) -> None:
    roots = [Path(root) for root in contents._roots]
    assert contents.apply(number, read_folders(roots, {}))


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
@pytest.mark.parametrize("together", [True, False])
def test_a_page_names_the_file_that_a_download_gets_whichever_came_first(
    tmp_path: Path, order: tuple[str, str], *, together: bool
) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    contents = FolderContents(folders)
    for number, name in enumerate(order, 1):
        for version in ("1.0", "2.0"):
            make_wheel(tmp_path / name, "widgets", version)
        (tmp_path / name / "widgets-1.0.zip").write_bytes(name.encode())
        if not together:
            _scan(contents, number)
    _scan(contents, 3)
    places = contents.projects["widgets"].places
    assert len(places) == 3
    for filename, directory in places.items():
        assert directory == str(tmp_path / "first")
        assert contents.path_of(filename) == str(Path(directory, filename))


def test_of_many_folders_with_a_file_the_first_counts(tmp_path: Path) -> None:
    folders = [tmp_path / f"{number}" for number in range(12)]
    for folder in reversed(folders):
        folder.mkdir()
        (folder / "widgets-1.0.zip").write_bytes(b"x")
        (folder / "below").mkdir()
        (folder / "below" / "widgets-1.0.zip").write_bytes(b"x")
    contents = FolderContents(folders)
    _scan(contents, 1)
    for number, folder in enumerate(folders, 2):
        assert contents.projects["widgets"].places == {"widgets-1.0.zip": str(folder)}
        (folder / "widgets-1.0.zip").unlink()
        (folder / "below" / "widgets-1.0.zip").unlink()
        _scan(contents, number)
    assert contents.projects == {}


def test_all_projects_of_a_snapshot_are_to_be_claimed_at_the_next_scan(tmp_path: Path) -> None:
    folders = [tmp_path / "first"]
    folders[0].mkdir()
    directory = str(folders[0])
    contents = FolderContents(folders)
    contents.add_upload(directory, "early-1.0.zip", 1)
    revision = contents.revision
    contents.restore(Snapshot({}, {directory: {"widgets": [NAME], "early": ["early-2.0.zip"]}}))
    assert contents.unnoted == {"early", "widgets"}
    assert contents.revision == revision + 1
    assert contents.projects["early"].places == {"early-1.0.zip": directory, "early-2.0.zip": directory}
    contents.unnoted = {"of an earlier scan"}
    contents.restore(Snapshot({}, {}))
    assert contents.unnoted == {"of an earlier scan", "early", "widgets"}


def _hide_and_show(contents: FolderContents, folder: str) -> None:
    contents.withhold(folder, NAME)
    assert contents.to_save() is None
    contents.release(folder, NAME)


def _remove_and_upload(contents: FolderContents, folder: str) -> None:
    contents.remove(folder, NAME, 1)
    assert contents.to_save() is None
    contents.add_upload(folder, NAME, 1)
    assert contents.to_save() is None
    contents.apply(2, contents.listings)


@pytest.mark.parametrize("change", [_hide_and_show, _remove_and_upload])
def test_no_snapshot_has_a_change_that_no_scan_has_seen(
    tmp_path: Path, change: Callable[[FolderContents, str], None]
) -> None:
    contents, folders = _two_folders(tmp_path)
    change(contents, str(folders[0]))
    saved = contents.to_save()
    assert saved is not None
    assert [project.name for project in saved] == ["widgets"]
