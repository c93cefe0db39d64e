"""The metadata of a project's files: recorded or read, and what is left out of files that can't be read."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from publisher.server.storage.folder import FolderStorage
from publisher.server.store import loading
from publisher.server.store.contents import FolderContents
from publisher.server.store.loading import MetadataLoader, is_as_recorded
from publisher.server.store.metadata import read_metadata
from publisher.server.store.records import Records
from tests.helpers.dists import make_wheel


class Loaded:
    """A folder with two files of a project, a loader, and the files that it reads."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.names = [make_wheel(folder, "acme", version).name for version in ("1.0", "1.1")]
        self.files = FolderStorage(folder).files()
        self.loader = MetadataLoader(FolderContents([folder]), Records())
        self.read: list[str] = []
        self.failures: dict[str, int] = {}
        monkeypatch.setattr(loading, "read_metadata", self._read)

    def _read(self, path: Path, filename: str, checkpoint: Any) -> Any:
        self.read.append(filename)
        if filename in self.failures:
            raise OSError(self.failures[filename], os.strerror(self.failures[filename]))
        return read_metadata(path, filename, checkpoint)

    @property
    def places(self) -> dict[str, str]:
        return dict.fromkeys(self.names, str(self.folder))

    def load(self) -> list[str]:
        self.read.clear()
        return list(self.loader.load(self.files, "acme", self.places)[0])


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return Loaded(tmp_path, monkeypatch)


def test_files_are_read_once_and_then_as_recorded(loaded: Loaded) -> None:
    assert not loaded.loader.is_recorded(loaded.files, "acme", loaded.places)
    assert loaded.loader.recall(loaded.files, "acme", loaded.places) is None
    assert (loaded.load(), loaded.read) == (loaded.names, loaded.names)
    assert (loaded.load(), loaded.read) == (loaded.names, [])
    assert loaded.loader.is_recorded(loaded.files, "acme", loaded.places)
    recalled = loaded.loader.recall(loaded.files, "acme", loaded.places)
    assert recalled is not None
    assert recalled == loaded.loader.load(loaded.files, "acme", loaded.places)
    assert all(map(is_as_recorded, recalled[0].values()))


def test_a_file_that_changed_is_read_again_alone(loaded: Loaded) -> None:
    loaded.load()
    files, _ = loaded.loader.load(loaded.files, "acme", loaded.places)
    os.utime(loaded.folder / loaded.names[1], (1_700_000_000, 1_700_000_000))
    assert [is_as_recorded(files[name]) for name in loaded.names] == [True, False]
    assert not loaded.loader.is_recorded(loaded.files, "acme", loaded.places)
    assert loaded.loader.recall(loaded.files, "acme", loaded.places) is None
    assert (loaded.load(), loaded.read) == (loaded.names, loaded.names[1:])


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ELOOP, errno.EIO])
def test_a_file_that_can_not_be_read_is_left_out(loaded: Loaded, number: int) -> None:
    loaded.failures[loaded.names[0]] = number
    assert loaded.load() == loaded.names[1:]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ELOOP])
def test_no_file_may_be_left(loaded: Loaded, number: int) -> None:
    loaded.failures = dict.fromkeys(loaded.names, number)
    assert loaded.load() == []


def test_where_all_files_are_damaged_the_disk_is(loaded: Loaded) -> None:
    loaded.failures = dict.fromkeys(loaded.names, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        loaded.load()


@pytest.mark.parametrize("number", [errno.ESTALE, errno.ENOMEM])
def test_other_failures_are_not_one_files_own(loaded: Loaded, number: int) -> None:
    loaded.failures[loaded.names[1]] = number
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is looked at
        loaded.load()
    assert caught.value.errno == number


def test_what_is_no_file_is_never_opened(loaded: Loaded) -> None:
    path = loaded.folder / loaded.names[0]
    path.unlink()
    os.mkfifo(path)
    assert (loaded.load(), loaded.read) == (loaded.names[1:], loaded.names[1:])


def test_an_index_that_ends_reads_no_further(loaded: Loaded) -> None:
    loaded.loader.stop()
    with pytest.raises(OSError, match="is ending"):
        loaded.load()
    assert loaded.read == []
