"""Metadata of a project's files: from the record where that is right, else from the file."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from publisher.server.storage.errors import StorageError, StorageUnavailableError
from publisher.server.storage.folder import FolderFiles, FolderStorage
from publisher.server.store import loading
from publisher.server.store.contents import FolderContents
from publisher.server.store.loading import MetadataLoader, is_as_recorded
from publisher.server.store.metadata import FileMetadata, ReleaseState, read_metadata
from tests.helpers.dists import make_wheel

NAME = "acme-1.0-py3-none-any.whl"
OTHER = "acme-2.0-py3-none-any.whl"
ORIGIN = {"repository": "acme/acme"}


class MadeUpRecords:
    """Records in memory."""

    def __init__(self) -> None:
        self.known: dict[str, FileMetadata] = {}
        self.added: list[str] = []
        self.failure: StorageError | None = None

    def load(self, _storage: object, name: str) -> dict[str, FileMetadata]:
        assert name == "acme"
        return dict(self.known)

    def state(self, _storage: object, name: str) -> ReleaseState:
        assert name == "acme"
        return ReleaseState({OTHER: "broken"}, {})

    def add(self, _storage: object, name: str, found: dict[str, FileMetadata]) -> None:
        assert name == "acme"
        self.added += found
        if self.failure is not None:
            raise self.failure
        self.known.update(found)


class Loading:
    """A loader of a folder with two wheels."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for version in ("1.0", "2.0"):
            make_wheel(root, "acme", version)
        self.records = MadeUpRecords()
        records: Any = self.records
        self.loader = MetadataLoader(FolderContents([root]), records)
        self.storage: FolderFiles = FolderStorage(root).files()
        self.places = {NAME: str(root), OTHER: str(root)}

    def load(self) -> dict[str, Any]:
        files, state = self.loader.load(self.storage, "acme", self.places)
        assert state.yanked == {OTHER: "broken"}
        return files

    def recall(self) -> dict[str, Any] | None:
        found = self.loader.recall(self.storage, "acme", self.places)
        return None if found is None else found[0]

    def is_recorded(self) -> bool:
        return self.loader.is_recorded(self.storage, "acme", self.places)


@pytest.fixture
def acme(tmp_path: Path) -> Loading:
    return Loading(tmp_path)


def test_files_are_read_and_recorded_once(acme: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not acme.is_recorded()
    assert acme.recall() is None
    files = acme.load()
    assert acme.records.added == [NAME, OTHER]
    assert acme.is_recorded()
    monkeypatch.setattr(loading, "read_metadata", lambda *_: pytest.fail("a file was read again"))
    assert acme.load() == acme.recall() == files
    assert acme.records.added == [NAME, OTHER]
    for name, version, yanked in ((NAME, "1.0", None), (OTHER, "2.0", "broken")):
        file = files[name]
        assert (file.filename, file.path, file.url_path) == (name, acme.root / name, name)
        assert (file.version, file.yanked, file.metadata) == (version, yanked, acme.records.known[name])
        assert is_as_recorded(file)


@pytest.mark.parametrize("change", ["size", "time", "absent"])
def test_a_record_that_does_not_fit_its_file_does_not_count(acme: Loading, change: str) -> None:
    files = acme.load()
    path = acme.root / OTHER
    status = path.stat()
    if change == "size":
        path.write_bytes(path.read_bytes() + b"x")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "time":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    else:
        path.unlink()
    assert not acme.is_recorded()
    assert acme.recall() is None
    assert is_as_recorded(files[NAME])
    assert not is_as_recorded(files[OTHER])
    again = acme.load()
    assert again[NAME] == files[NAME]
    if change == "absent":
        assert set(again) == {NAME}
    else:
        assert again[OTHER].metadata != files[OTHER].metadata
        assert acme.records.added == [NAME, OTHER, OTHER]


@pytest.mark.parametrize("same", [True, False])
def test_a_restored_file_keeps_its_uploader_and_another_one_does_not(acme: Loading, *, same: bool) -> None:
    acme.load()
    noted = replace(acme.records.known[NAME], uploaded="2020-01-01T00:00:00Z", uploader="ada", origin=ORIGIN)
    acme.records.known[NAME] = noted
    path = acme.root / NAME
    if not same:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1  # a comment's last byte, or its length: the size stays
        path.write_bytes(data)
    os.utime(path, ns=(10**18, 10**18))
    found = acme.load()[NAME].metadata
    assert found.mtime_ns == 10**18
    expected = (noted.uploaded, "ada", ORIGIN) if same else ("2001-09-09T01:46:40.000000Z", None, None)
    assert (found.uploaded, found.uploader, found.origin) == expected
    path.write_bytes(path.read_bytes() + b"longer")
    assert acme.load()[NAME].metadata.uploader is None


def test_a_record_that_can_t_be_written_only_costs_time(acme: Loading) -> None:
    acme.records.failure = StorageUnavailableError()
    assert set(acme.load()) == {NAME, OTHER}
    assert set(acme.load()) == {NAME, OTHER}
    assert acme.records.added == [NAME, OTHER] * 2


def _fail(monkeypatch: pytest.MonkeyPatch, number: int, *names: str) -> None:
    """Let reading files fail with an error of the system."""

    def failing(path: Path, filename: str, checkpoint: Any) -> FileMetadata:
        if filename in names:
            raise OSError(number, os.strerror(number))
        return read_metadata(path, filename, checkpoint)

    monkeypatch.setattr(loading, "read_metadata", failing)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ELOOP])
def test_a_file_that_is_gone_or_forbidden_or_no_file_is_left_out(
    acme: Loading, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _fail(monkeypatch, number, NAME, OTHER)
    assert acme.load() == {}
    assert acme.records.added == []


def test_a_damaged_file_is_left_out_unless_all_are(acme: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, errno.EIO, NAME)
    assert set(acme.load()) == {OTHER}
    _fail(monkeypatch, errno.EIO, NAME, OTHER)
    acme.records.known.clear()
    with pytest.raises(OSError, match="Input/output error"):
        acme.load()


def test_another_failure_of_the_disk_is_one_of_the_project(acme: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail(monkeypatch, errno.ENODEV, OTHER)
    with pytest.raises(OSError, match="No such device"):
        acme.load()


def test_a_pipe_is_no_file(acme: Loading) -> None:
    path = acme.root / "acme-3.0.tar.gz"
    os.mkfifo(path)
    acme.places[path.name] = str(acme.root)
    assert set(acme.load()) == {NAME, OTHER}


def test_a_loader_that_stopped_reads_no_further(acme: Loading) -> None:
    acme.loader.stop()
    with pytest.raises(OSError, match="ending") as caught:
        acme.load()
    assert caught.value.errno == errno.ECANCELED


def test_a_file_of_no_project_has_no_version(acme: Loading) -> None:
    acme.load()
    assert acme.loader.stored("notes.txt", str(acme.root), acme.records.known[NAME], None).version == ""
