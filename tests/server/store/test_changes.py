"""Changes of packages in a folder: what is refused, what lies on the disk, and what is listed after each."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.storage.base import LEASE_PATIENCE, Files, Lease
from publisher.server.storage.errors import NotDurableError, StorageUnavailableError
from publisher.server.storage.filelocks import FileLease
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges, file_lease
from publisher.server.store.errors import FileExistsConflictError, ProjectExistsError, UnknownReleaseError
from publisher.server.store.ledger import read_identity, read_packages_ledger
from publisher.server.store.metadata import FileMetadata, NewProject, now_text
from publisher.server.store.owned_names import StateLog
from publisher.server.store.projects import StoredFile
from publisher.server.store.records import state_lease
from tests.helpers.memory_bucket import running

WHEEL, SDIST = "acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz"


class Index:
    """One process of an index in a folder."""

    def __init__(
        self, *roots: Path, state: StateLog | None = None, storage: FolderStorage | None = None, **settings: Any
    ) -> None:
        self.root = roots[0]
        options = ServerSettings(roots, **settings)
        storage = storage or FolderStorage(self.root)
        self.catalog = Catalog(options, storage, state)
        self.changes = ReleaseChanges(options, self.catalog, storage)

    async def upload(
        self,
        filename: str,
        data: bytes = b"x",
        signature: bytes | None = None,
        new_project: NewProject | None = None,
    ) -> StoredFile:
        metadata = FileMetadata(len(data), 0, hashlib.sha256(data).hexdigest(), "", uploader="ada")
        return await self.changes.upload(data, filename, metadata, signature, new_project)

    async def yanked(self, name: str = "acme") -> dict[str, str | None]:
        """Return the files of a project as a page shows them, and why they are yanked."""
        project = await self.catalog.find(name)
        files = await self.catalog.files(project) if project is not None else {}
        return {filename: files[filename].yanked for filename in sorted(files)}

    def on_disk(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir() if path.is_file())

    def marks(self, name: str = "acme") -> dict[str, dict[str, Any]]:
        """Return yanks, tombstones and maintainers as they lie on the disk, without their times."""
        folder = self.root / ".pypi-publish" / "marks" / name
        found = {path.name: json.loads(path.read_bytes()) for path in folder.iterdir()} if folder.is_dir() else {}
        times = [details.pop("at") for details in found.values()]
        assert all(each.endswith("Z") for each in times)
        return found


@asynccontextmanager
async def started(*roots: Path, **options: Any) -> AsyncIterator[Index]:
    index = Index(*roots, **options)
    await index.catalog.start()
    try:
        yield index
    finally:
        index.catalog.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    return folder


@running
async def test_an_upload_lies_in_the_first_folder_with_its_signature_and_is_listed(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with started(root, other) as index:
        file = await index.upload(WHEEL, b"data", b"signed")
        assert (root / WHEEL).read_bytes() == b"data"
        assert (root / f"{WHEEL}.asc").read_bytes() == b"signed"
        assert index.on_disk() == [WHEEL, f"{WHEEL}.asc"]
        status = (root / WHEEL).stat()
        assert (file.metadata.size, file.metadata.mtime_ns) == (4, status.st_mtime_ns)
        assert (file.metadata.uploader, file.version, file.yanked) == ("ada", "1.0", None)
        assert file.metadata.uploaded.startswith("20")
        assert file.url_path == WHEEL
        assert await index.yanked() == {WHEEL: None}
        assert index.marks() == {}
    async with started(root) as again:
        project = await again.catalog.find("acme")
        assert project is not None
        assert (await again.catalog.files(project))[WHEEL].metadata == file.metadata
    assert list(other.iterdir()) == []


@running
async def test_the_same_bytes_are_success_and_others_a_conflict(root: Path) -> None:
    async with started(root) as index:
        first = await index.upload(WHEEL, b"data")
        for spelling in (WHEEL, "Acme-1.0.0-py3-none-any.whl"):
            again = await index.upload(spelling, b"data", b"another signature")
            assert (again.filename, again.metadata) == (WHEEL, first.metadata)
            with pytest.raises(FileExistsConflictError, match=WHEEL):
                await index.upload(spelling, b"other")
        assert index.on_disk() == [WHEEL]
        assert (root / WHEEL).read_bytes() == b"data"


@running
async def test_a_file_that_others_copied_counts_as_it_is(root: Path) -> None:
    async with started(root) as index:
        (root / WHEEL).write_bytes(b"copied")
        with pytest.raises(FileExistsConflictError):
            await index.upload(WHEEL, b"mine")
        assert (await index.upload(WHEEL, b"copied")).filename == WHEEL
        assert (root / WHEEL).read_bytes() == b"copied"


@running
async def test_an_index_that_may_overwrite_replaces_the_file_of_that_identity(root: Path) -> None:
    async with started(root, overwrite=True) as index:
        await index.upload(WHEEL, b"old")
        stored = await index.upload("Acme-1.0.0-py3-none-any.whl", b"newer", b"signed")
        assert (stored.filename, stored.metadata.size) == (WHEEL, 5)
        assert stored.metadata.sha256 == hashlib.sha256(b"newer").hexdigest()
        assert (root / WHEEL).read_bytes() == b"newer"
        assert index.on_disk() == [WHEEL, f"{WHEEL}.asc"]
        await index.changes.delete("acme", "1.0", None, "ada")
        await index.upload(WHEEL, b"third")
        assert await index.yanked() == {WHEEL: None}
        assert index.marks() == {}  # its tombstone is gone


@pytest.mark.parametrize("spelling", [WHEEL, "ACME-1-py3-none-any.whl"])
def test_the_name_of_a_deleted_file_is_not_given_again(root: Path, spelling: str) -> None:
    async def run() -> None:
        async with started(root) as index:
            await index.upload(WHEEL, b"data", b"signed")
            await index.upload(SDIST)
            assert await index.changes.delete("acme", "1.0.0", WHEEL, "bob") == [WHEEL]
            assert index.on_disk() == [SDIST]
            assert await index.yanked() == {SDIST: None}
            assert index.marks() == {f"{WHEEL}.deleted": {"v": 1, "by": "bob"}}
            with pytest.raises(FileExistsConflictError, match="deleted"):
                await index.upload(spelling, b"data")
            assert index.on_disk() == [SDIST]
            await index.upload("acme-1.0-1-py3-none-any.whl")  # another identity

    asyncio.run(run())


@running
async def test_a_release_is_deleted_in_every_folder_and_others_stay(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (root / "below").mkdir()
    for path in (other / WHEEL, other / f"{WHEEL}.asc", root / "below" / WHEEL):
        path.write_bytes(b"x")
    async with started(root, other) as index:
        for name in (WHEEL, SDIST, "acme-2.0.tar.gz", "other-1.0.tar.gz"):
            await index.upload(name)
        assert await index.changes.delete("acme", "1.0", None, None) == [WHEEL, SDIST]
        assert index.on_disk() == ["acme-2.0.tar.gz", "other-1.0.tar.gz"]
        assert [*other.iterdir(), *(root / "below").iterdir()] == []
        assert await index.yanked() == {"acme-2.0.tar.gz": None}
        assert sorted(index.marks()) == [f"{WHEEL}.deleted", f"{SDIST}.deleted"]


@running
async def test_what_is_not_there_is_not_changed(root: Path) -> None:
    async with started(root) as index:
        await index.upload(WHEEL)
        for name, version in (("acme", "2.0"), ("other", "1.0")):
            for change in (
                index.changes.yank(name, version, "", "ada"),
                index.changes.unyank(name, version),
                index.changes.delete(name, version, None, "ada"),
            ):
                with pytest.raises(UnknownReleaseError, match=f"no {name} {version}"):
                    await change
        with pytest.raises(UnknownReleaseError, match=f"no file {SDIST}"):
            await index.changes.delete("acme", "1.0", SDIST, "ada")
        assert (index.on_disk(), index.marks()) == ([WHEEL], {})


@running
async def test_a_yank_is_of_a_release_and_of_the_files_that_come_to_it(root: Path) -> None:
    async with started(root) as index:
        for name in (WHEEL, SDIST, "acme-2.0.tar.gz"):
            await index.upload(name)
        assert await index.changes.yank("acme", "1.0.0", "broken", "bob") == [WHEEL, SDIST]
        assert await index.yanked() == {WHEEL: "broken", SDIST: "broken", "acme-2.0.tar.gz": None}
        assert index.marks()[f"{SDIST}.yanked"] == {"v": 1, "reason": "broken", "by": "bob"}
        later, newer = "acme-1.0-cp312-cp312-any.whl", "acme-2.0-py3-none-any.whl"
        await index.upload(later)
        assert (await index.yanked())[later] == "broken"
        await index.upload(newer)
        assert index.marks()[f"{later}.yanked"] == {"v": 1, "reason": "broken"}
        found = await index.yanked()
        assert (found[later], found[newer]) == ("broken", None)
        assert await index.changes.unyank("acme", "1.0") == [later, WHEEL, SDIST]
        assert set((await index.yanked()).values()) == {None}
        assert index.marks() == {}
        await index.upload("acme-1.0-cp313-cp313-any.whl")
        assert set((await index.yanked()).values()) == {None}


@pytest.mark.parametrize("reason", ["", "broken"])
def test_a_file_comes_unyanked_to_a_release_whose_files_are_not_all_yanked(root: Path, reason: str) -> None:
    async def run() -> None:
        async with started(root) as index:
            await index.upload(WHEEL)
            await index.changes.yank("acme", "1.0", reason, "ada")
            await index.upload(SDIST)
            assert await index.yanked() == {WHEEL: reason, SDIST: reason}
            (root / ".pypi-publish" / "marks" / "acme" / f"{SDIST}.yanked").unlink()
            index.catalog.forget_state("acme")
            await index.upload("acme-1.0.0-cp312-cp312-any.whl")
            assert await index.yanked() == {WHEEL: reason, SDIST: None, "acme-1.0.0-cp312-cp312-any.whl": None}

    asyncio.run(run())


@pytest.mark.parametrize("account", ["ada", None])
def test_a_new_project_is_maintained_by_its_first_publisher(root: Path, account: str | None) -> None:
    async def run() -> None:
        async with started(root) as index:
            await index.upload(WHEEL, new_project=NewProject(account))
            expected = {"ada.maintainer": {"v": 1, "by": "ada"}} if account else {}
            assert index.marks() == expected
            with pytest.raises(ProjectExistsError):
                await index.upload(SDIST, new_project=NewProject("bob"))
            assert await index.catalog.was_published("acme")
            assert not await index.catalog.was_published("other")
            await index.changes.delete("acme", "1.0", None, "ada")
            with pytest.raises(ProjectExistsError):
                await index.upload(SDIST, new_project=NewProject("bob"))
            assert "bob.maintainer" not in index.marks()
            assert index.on_disk() == []

    asyncio.run(run())


def test_a_project_whose_files_someone_removed_is_still_its_maintainer_s(root: Path) -> None:
    async def run() -> None:
        async with started(root) as index:
            await index.upload(WHEEL, new_project=NewProject("ada"))
            (root / WHEEL).unlink()
            with pytest.raises(ProjectExistsError):
                await index.upload(SDIST, new_project=NewProject("bob"))
            assert list(index.marks()) == ["ada.maintainer"]
            assert index.on_disk() == []

    asyncio.run(run())


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@running
async def test_nothing_is_changed_on_the_disk_of_another_index(root: Path, tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    state = StateLog(FolderStorage(tmp_path / "accounts"), "state")
    async with started(root, state=state) as index:
        await index.upload(WHEEL)
        await index.changes.require_available()
        identity = root / ".pypi-publish" / "identity"
        identity.write_bytes(identity.read_bytes().replace(b'"id":', b'"id":"other","was":'))
        before = _contents(root)
        for change in (
            index.changes.delete("acme", "1.0", None, "ada"),
            index.changes.yank("acme", "1.0", "", "ada"),
            index.changes.unyank("acme", "1.0"),
            index.changes.require_available(),
        ):
            with pytest.raises(StorageUnavailableError):
                await change
        assert _contents(root) == before


@dataclass
class NotedLease(FileLease):
    """A lease that writes down what it is kept until."""

    name: str
    kept: list[str]

    def keep_until(self, settled: asyncio.Task[None]) -> None:
        assert not settled.done()
        self.kept.append(self.name)


class UnsureStorage(FolderStorage):
    """A folder whose changes under a lease may not be durable, as those of a volume."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.failure: NotDurableError | None = None
        self.kept: list[str] = []

    @asynccontextmanager
    async def lease(self, name: str, value: str = "", patience: float = LEASE_PATIENCE) -> AsyncIterator[Lease]:
        async with super().lease(name, value, patience) as lease:
            yield NotedLease(lease.number, name, self.kept)

    @asynccontextmanager
    async def writing(self, lease: Lease | None = None, since: float | None = None) -> AsyncIterator[Files]:
        async with super().writing(lease, since) as files:
            yield files
        if self.failure is not None and lease is not None:
            raise self.failure


@asynccontextmanager
async def unsure(
    root: Path, *, settles: bool, **settings: Any
) -> AsyncIterator[tuple[Index, list[str], asyncio.Event]]:
    """Return an index whose changes are not durable before an event, and the leases that are kept until then."""
    storage, end = UnsureStorage(root), asyncio.Event()

    async def commit() -> None:
        await end.wait()

    async with started(root, storage=storage, **settings) as index:
        await index.upload("other-1.0.tar.gz")
        settled = asyncio.create_task(commit())
        storage.failure = NotDurableError("It is not durable.", settled if settles else None)
        yield index, storage.kept, end
        end.set()
        await settled


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("settles", [True, False])
def test_an_upload_that_is_not_durable_is_listed_when_it_is(root: Path, *, settles: bool, overwrite: bool) -> None:
    async def run() -> None:
        async with unsure(root, settles=settles, overwrite=overwrite) as (index, kept, end):
            with pytest.raises(NotDurableError) as unknown:
                await index.upload(WHEEL, new_project=NewProject("ada"))
            assert unknown.value.message == "It is not durable. It may or may not be stored. Send it again."
            assert kept == ([state_lease("acme")] if settles else [])
            assert await index.yanked() == ({} if settles and not overwrite else {WHEEL: None})
            end.set()
            for _ in range(5):
                await asyncio.sleep(0)
            assert await index.yanked() == {WHEEL: None}

    asyncio.run(run())


@pytest.mark.parametrize("settles", [True, False])
def test_a_deletion_that_is_not_durable_holds_and_keeps_its_files_from_others(root: Path, *, settles: bool) -> None:
    async def run() -> None:
        async with unsure(root, settles=settles) as (index, kept, _):
            with pytest.raises(NotDurableError) as unknown:
                await index.changes.delete("other", "1.0", None, "ada")
            assert unknown.value.message.startswith("It is not durable. It holds here, but may be lost. Look")
            assert kept == ([file_lease("other-1.0.tar.gz")] if settles else [])
            assert list(index.marks("other")) == ["other-1.0.tar.gz.deleted"]
            assert await index.yanked("other") == {}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (WHEEL, "ACME-1.0.0-py3-none-any.whl", True),
        ("acme-1.0-py2.py3-none-any.whl", "acme-1-py3.py2-none-any.whl", True),
        (SDIST, "Acme-1.0.0.tar.gz", True),
        (SDIST, "acme-1.0.zip", True),
        (WHEEL, SDIST, False),
        (WHEEL, "acme-1.0-1-py3-none-any.whl", False),
        (WHEEL, "acme-1.0.1-py3-none-any.whl", False),
        (WHEEL, "acme_1-0-py3-none-any.whl", False),
        ("acme-1.0.egg", "Acme-1.0.egg", False),
    ],
)
def test_files_of_one_identity_have_one_lease(one: str, other: str, *, same: bool) -> None:
    assert (file_lease(one) == file_lease(other)) is same
    assert file_lease(one).startswith("file ")


@running
async def test_marks_say_who_changed_what_and_when(tmp_path: Path) -> None:
    index = Index(tmp_path)
    await index.catalog.start()
    before = now_text()
    await index.upload(SDIST, new_project=NewProject("eve"))
    await index.upload("acme-2.0.tar.gz")
    await index.changes.yank("acme", "1.0", "broken", "ada")
    await index.changes.delete("acme", "2.0", None, "bob")
    folder = tmp_path / ".pypi-publish" / "marks" / "acme"
    names = ("eve.maintainer", f"{SDIST}.yanked", "acme-2.0.tar.gz.deleted")
    marks = [json.loads((folder / name).read_text()) for name in names]
    times = [mark.pop("at") for mark in marks]
    assert marks == [
        {"v": 1, "by": "eve"},
        {"v": 1, "reason": "broken", "by": "ada"},
        {"v": 1, "by": "bob"},
    ]
    assert before <= min(times) <= max(times) <= now_text()


@running
async def test_the_lists_of_a_folder_are_made_again_when_they_went_and_the_packages_stayed(tmp_path: Path) -> None:
    root, accounts = tmp_path / "packages", tmp_path / "accounts"
    for each in (root, accounts):
        each.mkdir()
    index = Index(root, state=StateLog(FolderStorage(accounts), "state"))
    await index.catalog.start()
    await index.upload(SDIST)
    identifier = read_identity(FolderStorage(root).files())[0]
    assert identifier is not None
    shutil.rmtree(root / ".pypi-publish")
    await index.catalog.require_identity()
    files = FolderStorage(root).files()
    assert read_identity(files)[0] == identifier
    assert read_packages_ledger(files).names == {"acme"}
