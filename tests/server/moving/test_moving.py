"""Indexes move between folders and buckets with everything they are, and stores are checked."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from publisher.errors import CheckFailedError, ConfigurationError, IndexUnavailableError
from publisher.server.moving import buckets
from publisher.server.moving.buckets import BucketSource, BucketTarget
from publisher.server.moving.checking import check_bucket, check_folder
from publisher.server.moving.copying import CopyResult, copy_index
from publisher.server.moving.folders import FolderPackages
from publisher.server.moving.portable import PackageSource, PackageTarget, PortableProject
from publisher.server.settings import ServerSettings
from publisher.server.storage.base import Stat
from publisher.server.storage.bucket.identity import open_identity
from publisher.server.storage.bucket.objects import Objects, open_bucket
from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.bucket import leftovers
from publisher.server.store.bucket.record import parse_record
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges
from publisher.server.store.metadata import FileMetadata, NewProject, read_metadata
from publisher.server.store.owned_names import StateLog
from tests.helpers.bucket_index import new_index
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.object_store import STORE

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
            each._replace(metadata=replace(each.metadata, mtime_ns=0))
            for each in sorted(project.files, key=lambda file: file.filename)
        )
        found[name] = replace(project, files=files)
    return found


def test_an_index_goes_to_a_bucket_and_back_with_everything(folder: FolderPackages, tmp_path: Path) -> None:
    url = f"{STORE}/moved-{tmp_path.name}"
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
    url = f"{STORE}/resumed-{tmp_path.name}"
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
    url = f"{STORE}/checked-{tmp_path.name}"
    _copy(folder, BucketTarget(url))
    objects = open_bucket(url)
    keys = {key.rpartition("/")[2]: key for key, _ in objects.walk("files")}
    objects.remove(keys["acme-1.0.tar.gz"])
    size = objects.stat(keys["acme-2.0-py3-none-any.whl"]).size
    objects.overwrite(keys["acme-2.0-py3-none-any.whl"], bytes(size))
    upload = keys["acme-2.0-py3-none-any.whl"].split("/")[2]
    objects.overwrite(f"files/acme/{upload[:12]}-left/acme-3.0.tar.gz", b"left over")
    foreign = [
        "projects/below/acme.json",
        "projects/notes.txt",
        "files/loose",
        "files/acme/somebody-elses/acme-3.0.tar.gz",
    ]
    for key in foreign:
        objects.overwrite(key, b"foreign")
    objects.overwrite("backups/of/somebody", b"x")
    objects.overwrite("projects/broken.json", b"{")
    found = check_bucket(BucketSource(url), read_files=True, remove_unlisted=False)
    assert len([each for each in found.problems if "acme-1.0.tar.gz" in each]) == 2  # missing, and can't be read
    assert len([each for each in found.problems if "acme-2.0" in each]) == 1
    assert len([each for each in found.problems if "broken" in each]) == 1
    assert found.foreign == ["backups", *foreign]
    assert found.unlisted == [f"files/acme/{upload[:12]}-left/acme-3.0.tar.gz"]
    assert found.removed == []
    assert (found.projects, found.files) == (3, 4)
    before = {key for key, _ in objects.walk("")}
    check_bucket(BucketSource(url), read_files=False, remove_unlisted=True)
    assert before - {key for key, _ in objects.walk("")} == set()  # it was not a day ago that they were first seen


def test_a_check_removes_uploads_that_were_unlisted_for_a_day_and_no_foreign_object(
    folder: FolderPackages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{STORE}/cleaned-{tmp_path.name}"
    _copy(folder, BucketTarget(url))
    objects = open_bucket(url)
    upload = f"files/acme/{open_identity(objects, url).identifier[:12]}-left/acme-3.0.tar.gz"
    for key in (upload, "files/acme/by-hand/acme-3.0.tar.gz"):
        objects.create(key, b"x")
    before = {key for key, _ in objects.walk("")}
    monkeypatch.setattr(leftovers, "KEPT_SECONDS", 0)
    assert check_bucket(BucketSource(url), read_files=False, remove_unlisted=False).removed == []
    found = check_bucket(BucketSource(url), read_files=False, remove_unlisted=True)
    assert (found.removed, found.unlisted, found.foreign) == ([upload], [], ["files/acme/by-hand/acme-3.0.tar.gz"])
    assert before - {key for key, _ in objects.walk("")} == {upload}
    assert found.problems == []


def test_a_file_that_is_uploaded_during_a_check_is_not_missing(
    folder: FolderPackages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{STORE}/busy-{tmp_path.name}"
    _copy(folder, BucketTarget(url))
    source = BucketSource(url)
    record, walk = _read(source.objects, "projects/acme.json"), source.objects.walk

    def walk_while_uploading(prefix: str) -> Iterator[tuple[str, Stat]]:
        yield from walk(prefix)
        if prefix == "files/acme":
            changed = parse_record("acme", record).edited()
            changed.add("acme-3.0.tar.gz", "later", source.project("acme").files[0].metadata)
            source.objects.overwrite("projects/acme.json", changed.to_bytes())

    monkeypatch.setattr(source.objects, "walk", walk_while_uploading)
    assert check_bucket(source, read_files=False, remove_unlisted=False).problems == []


def test_a_check_waits_for_a_cleaning(monkeypatch: pytest.MonkeyPatch) -> None:
    url, objects = new_index("ada", "correct horse")
    monkeypatch.setattr(buckets, "LEASE_PATIENCE", 0.1)

    async def run() -> None:
        async with BucketStorage(objects, open_identity(objects, url)).lease(leftovers.CLEANING):
            with pytest.raises(StorageUnavailableError):
                await asyncio.to_thread(check_bucket, BucketSource(url), read_files=False, remove_unlisted=True)

    asyncio.run(run())


def test_objects_that_are_no_records_are_no_projects(folder: FolderPackages, tmp_path: Path) -> None:
    url = f"{STORE}/named-{tmp_path.name}"
    _copy(folder, BucketTarget(url))
    names = list(BucketSource(url).names())
    objects = open_bucket(url)
    for key in ("projects/notes.txt", "projects/.json", "projects/below/acme.json", "projects/acme"):
        objects.create(key, b"x")
    assert list(BucketSource(url).names()) == names == ["acme", "gone", "nested"]


def test_a_copy_that_is_complete_is_not_begun_again(folder: FolderPackages, tmp_path: Path) -> None:
    url = f"{STORE}/complete-{tmp_path.name}"
    late = BucketTarget(url)  # which another attempt outruns
    _copy(folder, BucketTarget(url))
    record = open_bucket(url).read("projects/acme.json")
    assert record is not None
    with pytest.raises(StorageUnavailableError):
        late.finish(PortableProject("acme"))
    objects = open_bucket(url)
    objects.create("copying.json", _read(objects, "index.json"))  # as when the last attempt was killed at its end
    with pytest.raises(ConfigurationError, match="already"):
        BucketTarget(url)
    assert [name for name in objects.names("")[1] if name.endswith(".json")] == ["index.json"]
    assert _read(objects, "projects/acme.json") == record.data


def _read(objects: Objects, key: str) -> bytes:
    found = objects.read(key)
    assert found is not None
    return found.data


def test_records_of_public_packages_are_copied(folder: FolderPackages, tmp_path: Path) -> None:
    records = {"claims/rich": b"one", "claims/attrs": b"two", "allowed/rich": b"three"}
    for name, data in records.items():
        folder.files.create(f".pypi-publish/upstream/{name}", data)
    url = f"{STORE}/public-{tmp_path.name}"
    _copy(folder, BucketTarget(url))
    (tmp_path / "again").mkdir()
    again = FolderPackages(tmp_path / "again")
    _copy(BucketSource(url), again)
    for files in (BucketSource(url).files, again.files):
        assert {name: files.read(f".pypi-publish/upstream/{name}") for name in records} == records


def test_everything_that_belongs_to_accounts_is_copied(folder: FolderPackages, tmp_path: Path) -> None:
    files = folder.accounts
    assert files is not None
    written = {
        **{name: name.encode() for name in ("htpasswd.access", "access.toml", "tokens/revoked")},
        **{name: name.encode() for name in ("trust/publishers.json", "trust/keys.json", "sessions/keys.json")},
    }
    for name, data in written.items():
        files.create(name, data)
    for batch in (b"one\n", b"two\n"):
        files.append("tokens.used", batch)
    files.append("audit/2026-01-02", b"three\n")
    url = f"{STORE}/accounts-{tmp_path.name}"
    assert _copy(folder, BucketTarget(url)).accounts == len(written) + 5  # with htpasswd, tokens.json, and three logs
    copied = BucketSource(url).accounts
    assert copied is not None
    keys = {"htpasswd.access": ".htpasswd.access"}
    assert {name: copied.read(keys.get(name, name)) for name in written} == written
    assert copied.read(".htpasswd") == b"ada:hash\n"
    assert list(copied.lines("tokens.used")) == [b"one", b"two"]
    assert list(copied.lines("audit/2026-01-02")) == [b"three"]


def test_a_file_with_other_contents_in_the_target_is_not_taken_for_the_copy(
    folder: FolderPackages, tmp_path: Path
) -> None:
    (tmp_path / "target").mkdir()
    target = FolderPackages(tmp_path / "target")
    (target.root / "acme-1.0.tar.gz").write_bytes(b"another file")
    with pytest.raises(CheckFailedError, match="exists with other contents") as refused:
        _copy(folder, target)
    assert "empty folder" in str(refused.value.hint)
    assert (target.root / "acme-1.0.tar.gz").read_bytes() == b"another file"
    shutil.copy(folder.root / "acme-1.0.tar.gz", target.root)
    again = FolderPackages(target.root)
    _copy(folder, again)
    assert check_folder(FolderPackages(target.root), read_files=True).problems == []


def test_an_index_is_copied_to_a_place_without_one(folder: FolderPackages) -> None:
    with pytest.raises(ConfigurationError, match="already"):
        _copy(folder, BucketTarget(new_index("ada", "correct horse")[0]))
