"""A package folder as the source and the target of a copy."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from publisher.errors import CheckFailedError
from publisher.server.moving.folders import FolderPackages
from publisher.server.moving.portable import PortableFile, PortableProject
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.ledger import NAMES, state_lines
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.records import Records

WHEEL, SDIST = "acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz"


def _file(filename: str = WHEEL, data: bytes = b"data", **more: Any) -> PortableFile:
    metadata = FileMetadata(len(data), 0, hashlib.sha256(data).hexdigest(), "2026", uploader="ada")
    return PortableFile(filename, metadata)._replace(**more)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    path = tmp_path / "incoming"
    path.write_bytes(b"data")
    return path


def test_a_folder_is_read_with_those_below_it_and_the_first_of_equal_names_counts(root: Path) -> None:
    (root / "below").mkdir()
    for path, data in (
        (root / WHEEL, b"first"),
        (root / "below" / WHEEL, b"second"),
        (root / "below" / SDIST, b"sdist"),
        (root / "below" / f"{SDIST}.asc", b"signed"),
        (root / "README.txt", b"no package"),
        (root / "other-1.0.zip", b""),
    ):
        path.write_bytes(data)
    packages = FolderPackages(root)
    assert list(packages.names()) == ["acme", "other"]
    wheel, sdist = packages.project("acme").files
    assert (wheel.filename, wheel.folder, wheel.signature, wheel.yanked) == (WHEEL, "", None, None)
    assert (sdist.filename, sdist.folder, sdist.signature) == (SDIST, "below/", b"signed")
    assert wheel.metadata.sha256 == hashlib.sha256(b"first").hexdigest()
    assert packages.project("unknown") == PortableProject("unknown")


def test_names_are_those_that_were_ever_published(root: Path) -> None:
    packages = FolderPackages(root)
    packages.files.append(NAMES, state_lines(None, ["listed"]))
    Records().mark(packages.files, ("marked", "x"), "deleted", {})
    (root / WHEEL).write_bytes(b"x")
    assert list(packages.names()) == ["acme", "listed", "marked"]


@pytest.mark.parametrize(
    ("size", "later", "recorded"), [(4, 0, True), (4, 1, False), (4, -1, False), (3, 0, False), (5, 0, False)]
)
def test_a_record_counts_for_a_file_of_its_size_and_time(root: Path, size: int, later: int, *, recorded: bool) -> None:
    (root / WHEEL).write_bytes(b"data")
    time = (root / WHEEL).stat().st_mtime_ns
    packages = FolderPackages(root)
    metadata = FileMetadata(size, time + later, "00", "2026", uploader="ada")
    Records().add(packages.files, "acme", {WHEEL: metadata})
    (file,) = packages.project("acme").files
    assert (file.metadata == metadata) is recorded
    assert file.metadata.uploader == ("ada" if recorded else None)


def test_yanks_tombstones_and_maintainers_go_along_also_those_that_are_damaged(root: Path) -> None:
    packages = FolderPackages(root)
    (root / WHEEL).write_bytes(b"x")
    (root / SDIST).write_bytes(b"x")
    records = Records()
    records.mark(packages.files, ("acme", WHEEL), "yanked", {"reason": "broken"})
    records.mark(packages.files, ("acme", "acme-0.1.tar.gz"), "deleted", {"by": "bob"})
    records.add_maintainer(packages.files, "acme", "a/b", {"by": "eve"})
    packages.files.create(f".pypi-publish/marks/acme/{SDIST}.yanked", b"{")
    project = packages.project("acme")
    assert {file.filename: file.yanked for file in project.files} == {WHEEL: {"v": 1, "reason": "broken"}, SDIST: {}}
    assert project.deleted == {"acme-0.1.tar.gz": {"v": 1, "by": "bob"}}
    assert project.maintainers == {"a/b": {"v": 1, "by": "eve"}}


def test_a_file_is_fetched_from_where_it_lies(root: Path, tmp_path: Path) -> None:
    (root / "below").mkdir()
    (root / "below" / SDIST).write_bytes(b"sdist")
    packages = FolderPackages(root)
    project = packages.project("acme")
    packages.fetch(project, project.files[0], tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"sdist"


def test_a_file_is_added_with_signature_and_record_and_is_there_then(root: Path, incoming: Path) -> None:
    target, project = FolderPackages(root), PortableProject("acme")
    file = _file(folder="below/", signature=b"signed")
    assert not target.has(project, file)
    for _ in range(2):  # another attempt changes nothing
        target.add(project, file, incoming)
        assert (root / "below" / WHEEL).read_bytes() == b"data"
        assert (root / "below" / f"{WHEEL}.asc").read_bytes() == b"signed"
    time = (root / "below" / WHEEL).stat().st_mtime_ns
    assert Records().load(target.files, "acme") == {WHEEL: replace(file.metadata, mtime_ns=time)}
    assert target.has(project, file)
    assert not target.has(project, _file(folder="below/", data=b"atad"))
    assert not target.has(project, _file())
    (root / "below" / WHEEL).write_bytes(b"longer")
    assert not target.has(project, file)


def test_a_file_without_a_signature_or_record_is_not_there_yet(root: Path, incoming: Path) -> None:
    target, project = FolderPackages(root), PortableProject("acme")
    (root / WHEEL).write_bytes(b"data")
    assert not target.has(project, _file())
    target.add(project, _file(), incoming)
    assert target.has(project, _file())
    assert [path.name for path in root.iterdir() if path.is_file()] == [WHEEL]


def test_a_file_with_other_contents_is_never_replaced(root: Path, incoming: Path) -> None:
    (root / WHEEL).write_bytes(b"atad")
    target = FolderPackages(root)
    with pytest.raises(CheckFailedError, match=hashlib.sha256(b"atad").hexdigest()) as refused:
        target.add(PortableProject("acme"), _file(signature=b"signed"), incoming)
    assert f"not {hashlib.sha256(b'data').hexdigest()}" in str(refused.value)
    assert "copy again" in str(refused.value.hint)
    assert [path.name for path in root.iterdir() if path.is_file()] == [WHEEL]
    assert Records().load(target.files, "acme") == {}


def test_a_finished_project_has_its_name_and_all_its_marks(root: Path, incoming: Path) -> None:
    target = FolderPackages(root)
    files = (_file(yanked={"v": 1, "reason": "x"}), _file(SDIST))
    project = PortableProject("acme", files, {"acme-0.1.tar.gz": {"v": 1, "by": "bob"}}, {"ada": {"v": 1, "by": "eve"}})
    for file in files:
        target.add(project, file, incoming)
    target.finish(project)
    target.complete()
    assert list(target.files.lines(NAMES)) == [b'{"v":1,"name":"acme"}']
    found = FolderPackages(root).project("acme")
    assert (found.deleted, found.maintainers) == (project.deleted, project.maintainers)
    assert {file.filename: file.yanked for file in found.files} == {WHEEL: {"v": 1, "reason": "x"}, SDIST: None}


def test_accounts_lie_beside_the_htpasswd_file_and_only_their_owner_reads_them(root: Path, tmp_path: Path) -> None:
    assert (FolderPackages(root).accounts, FolderPackages(root).htpasswd) == (None, "")
    packages = FolderPackages(root, tmp_path / "users")
    assert packages.accounts is not None
    assert packages.htpasswd == "users"
    packages.accounts.create("users", b"x")
    assert (tmp_path / "users").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_gone_is_a_failure_and_a_relative_one_stays_where_it_is(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    packages = FolderPackages(Path("packages"), Path("users"))
    monkeypatch.chdir(root)
    (root / WHEEL).write_bytes(b"x")
    assert packages.root == root
    assert list(packages.names()) == ["acme"]
    with pytest.raises(StorageUnavailableError, match=os.sep + "gone"):
        list(FolderPackages(tmp_path / "gone").names())
