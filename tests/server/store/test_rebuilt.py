"""A record that is lost is made anew from the files where a storage declares that, and nowhere else."""

import asyncio
from pathlib import Path

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.bucket.records import record_key
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges
from publisher.server.store.metadata import FileMetadata, read_metadata
from tests.helpers.dists import make_wheel
from tests.helpers.memory_bucket import memory_index


async def _in_a_folder(root: Path, wheel: Path) -> tuple[bool, dict[str, FileMetadata]]:
    settings, storage = ServerSettings((root,)), FolderStorage(root)
    catalog = Catalog(settings, storage)
    await catalog.start()
    await ReleaseChanges(settings, catalog, storage).upload(wheel, wheel.name, read_metadata(wheel, wheel.name))
    catalog.close()
    (root / ".pypi-publish" / "facts" / "acme.jsonl").unlink()
    again = Catalog(settings, FolderStorage(root))
    await again.start()
    project = await again.find("acme")
    files = await again.files(project) if project is not None else {}
    again.close()
    return storage.is_rebuilt, {name: file.metadata for name, file in files.items()}


async def _in_a_bucket(wheel: Path) -> tuple[bool, dict[str, FileMetadata]]:
    process = memory_index()
    await process.upload(wheel)
    process.objects.remove(record_key("acme"))
    again = process.another()
    project = await again.catalog.find("acme")
    assert process.keys("files")  # the bytes are still there
    files = await again.catalog.files(project) if project is not None else {}
    return process.storage.is_rebuilt, {name: file.metadata for name, file in files.items()}


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_a_lost_record_is_made_anew_where_that_is_declared(tmp_path: Path, place: str) -> None:
    (tmp_path / "root").mkdir()
    wheel = make_wheel(tmp_path, "acme")
    expected = read_metadata(wheel, wheel.name)
    work = _in_a_folder(tmp_path / "root", wheel) if place == "folder" else _in_a_bucket(wheel)
    is_rebuilt, found = asyncio.run(work)
    assert list(found) == ([wheel.name] if is_rebuilt else [])
    assert [each.sha256 for each in found.values()] == ([expected.sha256] if is_rebuilt else [])
