"""Copying an index: what is copied, in which order, and what an attempt that failed leaves undone."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from publisher.errors import CheckFailedError
from publisher.server.moving.copying import CopyResult, copy_index
from publisher.server.moving.portable import PortableFile, PortableProject
from publisher.server.storage.base import Files
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.metadata import FileMetadata

NAMES = ["acme", "empty", "other"]


def _project(name: str, *filenames: str) -> PortableProject:
    """Return a project whose files have their names as contents."""
    return PortableProject(
        name,
        tuple(
            PortableFile(each, FileMetadata(len(each), 0, hashlib.sha256(each.encode()).hexdigest(), ""))
            for each in filenames
        ),
    )


@dataclass
class Packages:
    """Packages in memory, whose calls are written down."""

    files: Files
    accounts: Files | None = None
    htpasswd: str = "users"
    projects: list[PortableProject] = field(default_factory=list)
    there: set[str] = field(default_factory=set)
    damaged: str = ""
    calls: list[str] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)

    def names(self) -> Iterator[str]:
        yield from (each.name for each in self.projects)

    def project(self, name: str) -> PortableProject:
        return next(each for each in self.projects if each.name == name)

    def fetch(self, project: PortableProject, file: PortableFile, path: Path) -> None:
        self.calls.append(f"fetch {project.name} {file.filename}")
        path.write_text("damaged" if file.filename == self.damaged else file.filename)

    def has(self, project: PortableProject, file: PortableFile) -> bool:  # noqa: ARG002 - as the interface has it
        return file.filename in self.there

    def add(self, project: PortableProject, file: PortableFile, path: Path) -> None:
        assert path.read_text() == path.name == file.filename
        self.copies.append(path)
        self.calls.append(f"add {project.name} {file.filename}")

    def finish(self, project: PortableProject) -> None:
        self.calls.append(f"finish {project.name}")

    def complete(self) -> None:
        self.calls.append("complete")


def _files(root: Path) -> Files:
    root.mkdir(exist_ok=True)
    return FolderStorage(root).files()


@pytest.fixture
def source(tmp_path: Path) -> Packages:
    found = Packages(_files(tmp_path / "source"))
    found.projects = [_project("acme", "a-1", "a-2"), _project("empty"), _project("other", "o-1")]
    return found


@pytest.fixture
def target(tmp_path: Path) -> Packages:
    return Packages(_files(tmp_path / "target"))


def test_files_come_before_their_projects_and_the_index_is_complete_at_the_end(
    source: Packages, target: Packages
) -> None:
    reported: list[str] = []
    assert copy_index(source, target, reported.append) == CopyResult(3, 3, 0, None)
    assert source.calls == ["fetch acme a-1", "fetch acme a-2", "fetch other o-1"]
    assert target.calls == [
        *("add acme a-1", "add acme a-2", "finish acme"),
        "finish empty",
        *("add other o-1", "finish other"),
        "complete",
    ]
    assert reported == ["a-1", "a-2", "o-1"]
    assert not any(path.parent.exists() for path in target.copies)


def test_what_is_there_is_neither_fetched_nor_reported(source: Packages, target: Packages) -> None:
    target.there = {"a-1", "o-1"}
    reported: list[str] = []
    assert copy_index(source, target, reported.append) == CopyResult(3, 1, 2, None)
    assert (source.calls, reported) == (["fetch acme a-2"], ["a-2"])
    assert [each for each in target.calls if each.startswith("finish")] == [f"finish {name}" for name in NAMES]


def test_a_file_that_is_not_the_one_of_its_record_ends_the_copy(source: Packages, target: Packages) -> None:
    source.damaged = "a-2"
    reported: list[str] = []
    with pytest.raises(CheckFailedError, match="a-2 is not the file of its record") as refused:
        copy_index(source, target, reported.append)
    for contents in ("damaged", "a-2"):
        assert hashlib.sha256(contents.encode()).hexdigest() in str(refused.value)
    assert "copy again" in str(refused.value.hint)
    assert (target.calls, reported) == (["add acme a-1"], ["a-1"])


@pytest.mark.parametrize(
    ("from_accounts", "to_accounts", "count"), [(True, True, 1), (True, False, None), (False, True, None)]
)
def test_accounts_are_copied_where_both_places_are_known(
    source: Packages, target: Packages, tmp_path: Path, *, from_accounts: bool, to_accounts: bool, count: int | None
) -> None:
    there = _files(tmp_path / "theirs")
    if from_accounts:
        source.accounts = _files(tmp_path / "ours")
        source.accounts.create("users", b"ada:hash")
    if to_accounts:
        target.accounts = there
    target.htpasswd = "passwords"
    assert copy_index(source, target, lambda _: None).accounts == count
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == (["passwords"] if count else [])


def test_records_of_public_packages_go_along(source: Packages, target: Packages) -> None:
    source.files.create(".pypi-publish/upstream/claims/rich", b"x")
    copy_index(source, target, lambda _: None)
    assert target.files.read(".pypi-publish/upstream/claims/rich") == b"x"
