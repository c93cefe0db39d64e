"""The catalog of a folder: what memory answers, what takes a look at the folder, and what a lost folder means."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.folder import FolderStorage
from publisher.server.store import catalog as module
from publisher.server.store.catalog import Catalog
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.projects import Project
from tests.helpers.memory_bucket import running

WHEEL, SDIST = "acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz"


@asynccontextmanager
async def started(*roots: Path) -> AsyncIterator[Catalog]:
    catalog = Catalog(ServerSettings(roots), FolderStorage(roots[0]))
    await catalog.start()
    try:
        yield catalog
    finally:
        catalog.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


async def _found(catalog: Catalog, name: str = "acme") -> Project:
    project = await catalog.find(name)
    assert project is not None
    return project


@running
async def test_what_lies_in_the_folders_is_known_from_memory(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for path in (root / WHEEL, root / "below" / SDIST, other / "more-1.0.zip", other / WHEEL, other / "README.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    async with started(root, other) as catalog:
        assert sorted(catalog.names()) == ["acme", "more"]
        assert catalog.file_count == 3
        assert sorted(catalog.locations()) == sorted(
            [
                (str(root), WHEEL, WHEEL),
                (str(root / "below"), SDIST, f"below/{SDIST}"),
                (str(other), "more-1.0.zip", "more-1.0.zip"),
            ]
        )
        for name, known in ((WHEEL, True), (SDIST, True), ("acme-2.0.tar.gz", False), ("README.txt", False)):
            assert catalog.has_file(name) is known
        assert not catalog.has_file("unknown-1.0.zip")
        assert catalog.path_of(f"below/{SDIST}") == str(root / "below" / SDIST)
        assert catalog.path_of(SDIST) is None
        assert catalog.project("unknown") is None
        assert catalog.directories_of("acme", WHEEL) == {str(root), str(other)}
        assert catalog.directories_of("unknown", "unknown-1.0.zip") == set()
        assert not catalog.is_shared
        assert await catalog.in_thread(lambda: 3) == 3


@running
async def test_a_name_that_is_not_known_is_looked_for_before_it_is_none(root: Path) -> None:
    async with started(root) as catalog:
        assert await catalog.find("acme") is None
        assert await catalog.find_path(WHEEL) is None
        revision = catalog.revision
        (root / WHEEL).write_bytes(b"x")
        assert await catalog.find_path(WHEEL) == str(root / WHEEL)
        assert (await _found(catalog)).name == "acme"
        assert catalog.revision > revision
        (root / "other-1.0.zip").write_bytes(b"x")
        before = await catalog.find_before_change("other")
        assert before is not None


@running
async def test_an_upload_is_listed_at_once_with_what_is_known(root: Path) -> None:
    metadata = FileMetadata(4, 0, "00", "2026", uploader="ada")
    async with started(root) as catalog:
        for filename in (WHEEL, SDIST):
            file = catalog.add_upload(str(root), filename, metadata)
            assert (file.filename, file.version, file.url_path, file.yanked) == (filename, "1.0", filename, None)
            assert file.metadata == metadata
        assert catalog.has_file(WHEEL)
        assert catalog.file_count == 2


@running
async def test_a_file_that_is_uploaded_to_a_project_in_memory_is_in_its_files(root: Path) -> None:
    (root / WHEEL).write_bytes(b"x")
    async with started(root) as catalog:
        project = await _found(catalog)
        first = (await catalog.files(project))[WHEEL]
        (root / SDIST).write_bytes(b"data")
        time = (root / SDIST).stat().st_mtime_ns
        file = catalog.add_upload(str(root), SDIST, FileMetadata(4, time, "00", "2026"))
        listed = catalog.project("acme")
        assert listed is not None
        assert listed.files == {WHEEL: first, SDIST: file}


@running
async def test_files_that_are_withheld_are_not_listed(root: Path) -> None:
    (root / WHEEL).write_bytes(b"x")
    async with started(root) as catalog:
        catalog.withhold(str(root), WHEEL)
        assert await catalog.find("acme") is None
        catalog.release(str(root), WHEEL)
        assert await _found(catalog)


@running
async def test_a_look_at_many_projects_keeps_nothing_in_memory(root: Path) -> None:
    (root / WHEEL).write_bytes(b"x")
    async with started(root) as catalog:
        project = await _found(catalog)
        files = await catalog.files(project)
        catalog.forget_state("acme")
        assert project.files is None
        assert await catalog.peek(project) == files
        assert project.files is None
        again = await catalog.files(project)
        assert await catalog.peek(project) is again
        async with catalog.local_copy(files[WHEEL]) as path:
            assert path == root / WHEEL


@running
async def test_a_file_that_is_overwritten_in_place_is_noticed_by_a_look_that_is_due(root: Path) -> None:
    (root / WHEEL).write_bytes(b"x")
    async with started(root) as catalog:
        project = await _found(catalog)
        digest = (await catalog.files(project))[WHEEL].metadata.sha256
        (root / WHEEL).write_bytes(b"other")
        assert (await catalog.files(project))[WHEEL].metadata.sha256 == digest
        project.verified = 0.0
        await catalog.files(project)
        assert project.loading is not None
        await project.loading
        assert (await catalog.files(project))[WHEEL].metadata.sha256 != digest


@running
async def test_a_dot_folder_that_is_gone_is_made_again_before_a_change(root: Path) -> None:
    async with started(root) as catalog:
        (root / WHEEL).write_bytes(b"x")
        catalog.add_upload(
            str(root), WHEEL, FileMetadata(1, 0, "00", "2026")
        )  # which nothing records in the background
        async with FolderStorage(root).writing() as files:
            catalog.records.mark(files, ("acme", WHEEL), "yanked", {"reason": "broken"})
        shutil.rmtree(root / ".pypi-publish")
        await catalog.require_identity()
        assert catalog.records.state(FolderStorage(root).files(), "acme").yanked == {WHEEL: "broken"}


@running
async def test_a_folder_that_is_gone_is_no_empty_index(root: Path, tmp_path: Path) -> None:
    (root / WHEEL).write_bytes(b"x")
    async with started(root) as catalog:
        assert await catalog.read_failure() is None
        project = await _found(catalog)
        shutil.move(root, tmp_path / "away")
        reason = await catalog.read_failure()
        assert reason is not None
        assert catalog.unavailable_reason == reason
        assert not catalog.is_current()
        for look in (
            catalog.refresh(),
            catalog.look(),
            catalog.find("acme"),
            catalog.find("other"),
            catalog.find_path(WHEEL),
            catalog.files(project),
            catalog.require_identity(),
        ):
            with pytest.raises(StorageUnavailableError):
                await look
        shutil.move(tmp_path / "away", root)
        await catalog.rescan()
        assert await catalog.read_failure() is None
        assert list(await catalog.files(await _found(catalog))) == [WHEEL]
        await catalog.require_identity()


@running
async def test_whether_the_folder_can_be_written_is_tried_once_a_minute(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []
    failure: list[OSError] = []

    def try_to_write(folder: Path) -> OSError | None:
        tried.append(folder)
        return failure[0] if failure else None

    async with started(root) as catalog:
        assert await catalog.write_failure() is None
        assert list((root / ".pypi-publish").glob("tmp*")) == []
        monkeypatch.setattr(module, "try_to_write", try_to_write)
        assert await catalog.write_failure() is None
        assert tried == []
        for seconds, count in ((59.0, 0), (1.0, 1)):
            catalog._next_write -= seconds
            await catalog.write_failure()
            assert tried == [root / ".pypi-publish"] * count
        failure.append(OSError(28, "No space left on device"))
        catalog._next_write -= 60.0
        for _ in range(2):
            assert await catalog.write_failure() is failure[0]
        assert len(tried) == 2
        catalog._next_write -= 1.0
        failure.clear()
        assert await catalog.write_failure() is None


@running
async def test_a_folder_that_cannot_be_written_is_found_out_by_writing(root: Path) -> None:
    async with started(root) as catalog:
        shutil.rmtree(root / ".pypi-publish")
        (root / ".pypi-publish").write_bytes(b"")
        failure = await catalog.write_failure()
        assert failure is not None
        assert os.strerror(failure.errno or 0) == "Not a directory"
