"""Packages in a bucket: the record decides, with two processes and whatever becomes of the store."""

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.storage.bucket.objects import open_bucket
from publisher.server.storage.bucket.opening import open_storages_in
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.bucket.catalog import BucketCatalog
from publisher.server.store.bucket.changes import BucketChanges
from publisher.server.store.bucket.record import FORMAT, ProjectRecord, parse_record
from publisher.server.store.bucket.records import record_key
from publisher.server.store.errors import FileExistsConflictError, ProjectExistsError
from publisher.server.store.ledger import Confirmation
from publisher.server.store.metadata import FileMetadata, NewProject, read_metadata
from publisher.server.store.owned_names import StateLog
from tests.helpers.bucket_index import new_index
from tests.helpers.dists import make_wheel
from tests.helpers.object_store import ObjectStore


@dataclass
class Process:
    """One process's view of an index in a bucket."""

    catalog: BucketCatalog
    changes: BucketChanges


@pytest.fixture
def url(object_store: ObjectStore) -> str:  # noqa: ARG001 - which it needs
    return new_index("ada", "correct horse")[0]


def _process(url: str, state: Path | None = None, *, overwrite: bool = False) -> Process:
    settings = ServerSettings((), bucket=url, overwrite=overwrite)
    storage, _ = open_storages_in(url)
    log = StateLog(FolderStorage(state.parent), state.name) if state is not None else None
    catalog = BucketCatalog(settings, storage, log)
    return Process(catalog, BucketChanges(settings, catalog, storage))


async def _upload(process: Process, wheel: Path) -> None:
    await process.changes.upload(wheel, wheel.name, read_metadata(wheel, wheel.name))


async def _filenames(process: Process, name: str) -> list[str]:
    project = await process.catalog.find(name)
    return sorted(await process.catalog.files(project)) if project is not None else []


def _keys(url: str, folder: str) -> list[str]:
    return [key for key, _ in open_bucket(url).walk(folder)]


def test_of_two_first_uploaders_one_begins_the_project(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        processes = {"ada": _process(url), "bob": _process(url)}
        for number in range(5):
            wheels = [make_wheel(tmp_path, f"raced{number}", version) for version in ("1.0", "2.0")]

            async def upload(account: str, wheel: Path) -> str:
                found, begun = read_metadata(wheel, wheel.name), NewProject(account)
                try:
                    await processes[account].changes.upload(wheel, wheel.name, found, new_project=begun)
                except ProjectExistsError:
                    return "late"
                return account

            first, last = sorted(await asyncio.gather(*map(upload, processes, wheels)))
            assert (first in processes, last) == (True, "late")
            found = open_bucket(url).read(record_key(f"raced{number}"))
            assert found is not None
            record = parse_record(f"raced{number}", found.data)
            assert list(record.files) == [wheels[list(processes).index(first)].name]
            assert list(record.maintainers) == [first]
            assert len(_keys(url, f"files/raced{number}/")) == len(list(record.keys()))

    asyncio.run(run())


def test_of_two_processes_one_wins_a_name_and_nothing_is_left_of_the_other(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        processes = [_process(url), _process(url)]
        wheels = []
        for number in range(6):
            folder = tmp_path / str(number)
            folder.mkdir()
            wheels.append(make_wheel(folder, "acme", members={"acme/number": b"%d" % number}))
        results = await asyncio.gather(
            *(_upload(processes[number % 2], wheel) for number, wheel in enumerate(wheels)), return_exceptions=True
        )
        refused = [result for result in results if result is not None]
        assert len(refused) == 5
        assert all(isinstance(each, FileExistsConflictError) for each in refused)
        assert len([key for key in _keys(url, "files") if key.endswith(".whl")]) == 1
        won = wheels[results.index(None)]
        for process in processes:
            await _upload(process, won)  # the same bytes again
            assert await _filenames(process, "acme") == [won.name]
        assert len([key for key in _keys(url, "files") if key.endswith(".whl")]) == 1

    asyncio.run(run())


def test_files_of_one_project_are_all_kept_however_many_come_at_a_time(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        processes = [_process(url) for _ in range(3)]
        wheels = [make_wheel(tmp_path, "acme", f"{number}.0") for number in range(12)]
        await asyncio.gather(*(_upload(processes[number % 3], wheel) for number, wheel in enumerate(wheels)))
        assert await _filenames(_process(url), "acme") == sorted(wheel.name for wheel in wheels)

    asyncio.run(run())


def test_a_new_project_is_seen_at_once_and_a_yank_when_the_page_is_two_seconds_old(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        one, other = _process(url), _process(url)
        assert await _filenames(other, "acme") == []
        await _upload(one, make_wheel(tmp_path, "acme"))
        assert await _filenames(other, "acme") == ["acme-1.0-py3-none-any.whl"]
        await one.changes.yank("acme", "1.0", "broken", "ada")
        deadline = time.monotonic() + 2.0
        while True:
            project = await other.catalog.find("acme")
            assert project is not None
            if (await other.catalog.files(project))["acme-1.0-py3-none-any.whl"].yanked == "broken":
                break
            assert time.monotonic() < deadline + 0.5
            await asyncio.sleep(0.05)

    asyncio.run(run())


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b'{"v": 1, "name": "other"}', json.dumps({"v": FORMAT + 1, "name": "acme"}).encode()]
)
def test_an_unreadable_record_is_a_503_and_stays(url: str, tmp_path: Path, data: bytes) -> None:
    async def run() -> None:
        open_bucket(url).create(record_key("acme"), data)
        process = _process(url)
        with pytest.raises(StorageUnavailableError):
            await process.catalog.find("acme")
        with pytest.raises(StorageUnavailableError):
            await _upload(process, make_wheel(tmp_path, "acme"))
        with pytest.raises(StorageUnavailableError):
            await process.catalog.was_published("acme")
        found = open_bucket(url).read(record_key("acme"))
        assert found is not None
        assert found.data == data

    asyncio.run(run())


def test_an_index_whose_identifier_is_gone_has_no_absent_names(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        process = _process(url)
        await _upload(process, make_wheel(tmp_path, "acme"))
        objects = open_bucket(url)
        for key, _ in list(objects.walk("")):
            objects.remove(key)
        for name in ("acme", "never-published"):
            with pytest.raises(StorageUnavailableError):
                await process.catalog.was_published(name)
        deadline = time.monotonic() + 2.5
        while await process.catalog.read_failure() is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        with pytest.raises(StorageUnavailableError):
            await process.catalog.find("never-published")

    asyncio.run(run())


def test_a_replaced_file_leaves_no_bytes_behind(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        process = _process(url, overwrite=True)
        await _upload(process, make_wheel(tmp_path, "acme"))
        await _upload(process, make_wheel(tmp_path, "acme", members={"acme/second": b"x"}))
        assert len([key for key in _keys(url, "files") if key.endswith(".whl")]) == 1
        assert await _filenames(process, "acme") == ["acme-1.0-py3-none-any.whl"]

    asyncio.run(run())


def test_names_outside_the_bucket_show_that_it_has_lost_some(url: str, tmp_path: Path) -> None:
    async def run() -> None:
        state = tmp_path / "state"
        process = _process(url, state)
        await process.catalog.start()
        await _upload(process, make_wheel(tmp_path, "acme"))
        open_bucket(url).remove(record_key("acme"))
        again = _process(url, state)
        await again.catalog.start()
        with pytest.raises(StorageUnavailableError):
            await again.catalog.find("other")
        assert await again.catalog.confirm_loss() == Confirmation(1, lost=True)
        assert await again.catalog.confirm_loss() == Confirmation(1, lost=False)
        assert await again.catalog.was_published("acme")
        assert not await again.catalog.was_published("other")
        assert await _filenames(again, "acme") == []

    asyncio.run(run())


def test_fields_of_a_record_that_are_not_known_stay() -> None:
    document = {"v": 1, "name": "acme", "serial": 4, "color": "red", "files": {}}
    edited = parse_record("acme", json.dumps(document).encode()).edited()
    edited.add("acme-1.0-py3-none-any.whl", "upload", FileMetadata(1, 0, "00", "2026-01-01T00:00:00.000000Z"))
    written = json.loads(edited.to_bytes())
    assert (written["serial"], written["color"]) == (5, "red")
    assert ProjectRecord("acme", written).key("acme-1.0-py3-none-any.whl").startswith("files/acme/upload/")
