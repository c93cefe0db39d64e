"""Indexes move between folders and buckets with everything they are, and stores are checked."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from publisher.errors import CheckFailedError, ConfigurationError, IndexUnavailableError
from publisher.server.moving.buckets import BucketSource, BucketTarget
from publisher.server.moving.checking import check_bucket, check_folder
from publisher.server.moving.copying import CopyResult, copy_index
from publisher.server.moving.folders import FolderPackages
from publisher.server.moving.portable import PackageSource, PackageTarget, PortableProject
from publisher.server.settings import ServerSettings
from publisher.server.storage.bucket.objects import open_bucket
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges
from publisher.server.store.metadata import FileMetadata, NewProject, read_metadata
from publisher.server.store.owned_names import StateLog
from tests.helpers.bucket_index import new_index
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.object_store import BUCKET

pytestmark = pytest.mark.usefixtures("object_store")


def _copy(source: PackageSource, target: PackageTarget) -> CopyResult:
    return copy_index(source, target, lambda _: None)


def _metadata(path: Path) -> FileMetadata:
    return replace(read_metadata(path, path.name), uploader="ada", origin={"repository": "acme/widgets"})


async def _publish(root: Path, files: Path) -> None:
    """Make an index in a folder with files, a yank, a deleted file, a maintainer, and accounts beside it."""
    settings = ServerSettings((root,), root.parent / "htpasswd")
    packages, accounts = FolderStorage(root), FolderStorage(root.parent)
    catalog = Catalog(settings, packages, StateLog(accounts, "htpasswd.state"))
    await catalog.start()
    changes = ReleaseChanges(settings, catalog, packages)
    first, *more = make_wheel(files, "acme"), make_sdist(files, "acme"), make_wheel(files, "acme", "2.0")
    await changes.upload(first.read_bytes(), first.name, _metadata(first), b"signed", NewProject("ada"))
    for path in more:
        await changes.upload(path.read_bytes(), path.name, _metadata(path), b"signed")
    other = make_wheel(files, "gone")
    await changes.upload(other.read_bytes(), other.name, _metadata(other))
    await changes.yank("acme", "1.0", "broken", "ada")
    await changes.delete("gone", "1.0", None, "ada")
    catalog.close()
    (root / "below").mkdir()
    make_wheel(root / "below", "nested")
    (root.parent / "htpasswd").write_text("ada:hash\n")
    (root.parent / "tokens.json").write_text("{}")
    (root.parent / "audit").mkdir()
    (root.parent / "audit" / "2026-01-01").write_text('{"what": "upload"}\n{"what": "yank"}\n')


@pytest.fixture
def folder(tmp_path: Path) -> FolderPackages:
    root = tmp_path / "index" / "packages"
    root.mkdir(parents=True)
    (tmp_path / "files").mkdir()
    asyncio.run(_publish(root, tmp_path / "files"))
    return FolderPackages(root, root.parent / "htpasswd")


def _everything(source: PackageSource) -> dict[str, PortableProject]:
    """Return all projects, without the times of files, which a copy has of its own."""
    found = {}
    for name in source.names():
        project = source.project(name)
        files = tuple(
            replace(each, metadata=replace(each.metadata, mtime_ns=0))
            for each in sorted(project.files, key=lambda file: file.filename)
        )
        found[name] = replace(project, files=files)
    return found


def test_an_index_goes_to_a_bucket_and_back_with_everything(folder: FolderPackages, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/moved-{tmp_path.name}"
    assert _copy(folder, BucketTarget(url)).copied == 4
    bucket = BucketSource(url)
    expected = _everything(folder)
    assert _everything(bucket) == expected
    assert [each.folder for each in expected["nested"].files] == ["below/"]
    assert set(expected["gone"].deleted) == {"gone-1.0-py3-none-any.whl"}
    assert expected["acme"].files[0].yanked is not None
    back = FolderPackages(tmp_path / "back", tmp_path / "back-accounts" / "htpasswd")
    for path in (back.root, tmp_path / "back-accounts"):
        path.mkdir()
    assert _copy(bucket, back).copied == 4
    again = FolderPackages(back.root, tmp_path / "back-accounts" / "htpasswd")
    assert _everything(again) == expected
    for name in ("htpasswd", "tokens.json", "audit/2026-01-01"):
        original = folder.root.parent / name
        assert (tmp_path / "back-accounts" / name).read_bytes() == original.read_bytes()
    assert _copy(bucket, again).copied == 0
    assert (tmp_path / "back-accounts" / "audit" / "2026-01-01").read_text().count("\n") == 2
    assert check_folder(again, read_files=True).problems == []


def test_a_copy_that_was_interrupted_goes_on_and_is_served_only_when_it_is_complete(
    folder: FolderPackages, tmp_path: Path
) -> None:
    url = f"s3://{BUCKET}/resumed-{tmp_path.name}"
    damaged = folder.root / "acme-2.0-py3-none-any.whl"
    original, times = damaged.read_bytes(), damaged.stat()
    damaged.write_bytes(bytes(len(original)))
    os.utime(damaged, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(CheckFailedError, match=r"acme-2\.0"):
        _copy(folder, BucketTarget(url))
    with pytest.raises(IndexUnavailableError):
        BucketSource(url)
    damaged.write_bytes(original)
    os.utime(damaged, ns=(times.st_atime_ns, times.st_mtime_ns))
    result = _copy(FolderPackages(folder.root), BucketTarget(url))
    assert (result.copied, result.present) == (2, 2)
    assert check_bucket(BucketSource(url), read_files=True, remove_unlisted=False).problems == []


def test_a_check_finds_missing_damaged_unlisted_and_foreign_files(folder: FolderPackages, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/checked-{tmp_path.name}"
    _copy(folder, BucketTarget(url))
    objects = open_bucket(url)
    keys = {key.rpartition("/")[2]: key for key, _ in objects.walk("files")}
    objects.remove(keys["acme-1.0.tar.gz"])
    size = objects.stat(keys["acme-2.0-py3-none-any.whl"]).size
    objects.overwrite(keys["acme-2.0-py3-none-any.whl"], bytes(size))
    upload = keys["acme-2.0-py3-none-any.whl"].split("/")[2]
    objects.overwrite(f"files/acme/{upload[:12]}-left/acme-3.0.tar.gz", b"left over")
    objects.overwrite("files/acme/somebody-elses/acme-3.0.tar.gz", b"foreign")
    objects.overwrite("backups/of/somebody", b"x")
    objects.overwrite("projects/broken.json", b"{")
    found = check_bucket(BucketSource(url), read_files=True, remove_unlisted=False)
    assert len([each for each in found.problems if "acme-1.0.tar.gz" in each]) == 2  # missing, and can't be read
    assert len([each for each in found.problems if "acme-2.0" in each]) == 1
    assert len([each for each in found.problems if "broken" in each]) == 1
    assert found.foreign == ["backups"]
    assert found.unlisted == [f"files/acme/{upload[:12]}-left/acme-3.0.tar.gz"]


def test_an_index_is_copied_to_a_place_without_one(folder: FolderPackages) -> None:
    with pytest.raises(ConfigurationError, match="already"):
        _copy(folder, BucketTarget(new_index("ada", "correct horse")[0]))
