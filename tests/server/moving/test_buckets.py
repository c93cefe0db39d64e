"""A bucket as the source and the target of a copy, and the checks of both kinds of stores."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import obstore
import pytest

from publisher.errors import ConfigurationError, IndexUnavailableError
from publisher.server.moving import buckets
from publisher.server.moving.buckets import BucketSource, BucketTarget
from publisher.server.moving.checking import CheckResult, check_bucket, check_folder
from publisher.server.moving.folders import FolderPackages
from publisher.server.moving.portable import PortableFile, PortableProject
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.bucket.incoming import ATTRIBUTES
from publisher.server.store.metadata import read_metadata
from publisher.server.store.records import Records
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.memory_bucket import URL, WatchedObjects, memory_objects


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> WatchedObjects:
    found = memory_objects()
    monkeypatch.setattr(buckets, "open_bucket", lambda _: found)
    return found


def _file(path: Path, **more: Any) -> PortableFile:
    return PortableFile(path.name, read_metadata(path, path.name), **more)


def _keys(objects: WatchedObjects, folder: str = "") -> list[str]:
    return [key for key, _ in objects.walk(folder)]


def _copy(project: PortableProject, folder: Path) -> None:
    """Make an index in the bucket with one project, whose files lie in a folder."""
    target = BucketTarget(URL)
    for file in project.files:
        target.add(project, file, folder / file.filename)
    target.finish(project)
    target.complete()


def test_files_are_stored_under_their_digest_with_what_is_served_beside_them(
    objects: WatchedObjects, tmp_path: Path
) -> None:
    target = BucketTarget(URL)
    wheel, sdist = make_wheel(tmp_path, "acme"), make_sdist(tmp_path, "acme")
    files = _file(wheel, signature=b"signed"), _file(sdist)
    project = PortableProject("acme", files)
    for file, path in zip(files, (wheel, sdist), strict=True):
        assert not target.has(project, file)
        target.add(project, file, path)
        assert target.has(project, file)
        longer = replace(file.metadata, size=file.metadata.size + 1)
        assert not target.has(project, file._replace(metadata=longer))
    names = {key.rpartition("/")[2]: key for key in _keys(objects, "files")}
    assert sorted(names) == sorted([wheel.name, f"{wheel.name}.asc", f"{wheel.name}.metadata", sdist.name])
    for path in (wheel, sdist):
        upload = names[path.name].split("/")[2]
        assert upload.partition("-")[2] == hashlib.sha256(path.read_bytes()).hexdigest()[:40]
        assert len(upload.partition("-")[0]) == 12
    requests = objects.orders.take()
    assert requests.index(f"overwrite {names[wheel.name]}.asc") < requests.index(f"upload {names[wheel.name]}")
    signature = objects.read(names[f"{wheel.name}.asc"])
    assert signature is not None
    assert signature.data == b"signed"
    found = obstore.get(objects._store, names[wheel.name], options={"head": True})
    assert dict(found.attributes) == ATTRIBUTES


def test_an_index_is_there_when_the_copy_is_complete(objects: WatchedObjects) -> None:
    target = BucketTarget(URL)
    target.finish(PortableProject("acme"))
    with pytest.raises(IndexUnavailableError, match="No index found"):
        BucketSource(URL)
    assert _keys(objects) == ["copying.json", "projects/acme.json"]
    again = BucketTarget(URL)  # which goes on
    again.complete()
    assert _keys(objects) == ["index.json", "projects/acme.json"]
    assert list(BucketSource(URL).names()) == ["acme"]
    with pytest.raises(ConfigurationError, match="already"):
        BucketTarget(URL)
    with pytest.raises(StorageUnavailableError):
        target.finish(PortableProject("late"))


def test_a_project_is_read_as_it_was_written(objects: WatchedObjects, tmp_path: Path) -> None:
    wheel, sdist = make_wheel(tmp_path, "acme"), make_sdist(tmp_path, "acme")
    files = (
        _file(wheel, signature=b"signed", yanked={"reason": "broken"}),
        _file(sdist, folder="below/"),
    )
    project = PortableProject("acme", files, {"acme-0.1.tar.gz": {"by": "bob"}}, {"ada": {"by": "eve"}})
    _copy(project, tmp_path)
    source = BucketSource(URL)
    expected = tuple(each._replace(metadata=replace(each.metadata, mtime_ns=0)) for each in files)
    assert source.project("acme") == replace(project, files=expected)
    for file, path in zip(files, (wheel, sdist), strict=True):
        source.fetch(project, file, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == path.read_bytes()
        (tmp_path / "copy").unlink()
    assert source.accounts is not None
    source.accounts.create(source.htpasswd, b"ada:hash")
    assert "accounts/.htpasswd" in _keys(objects)


Damage = Callable[[WatchedObjects, str], None]


def _cut(objects: WatchedObjects, key: str) -> None:
    objects.overwrite(key, b"short")


def _spoil(objects: WatchedObjects, key: str) -> None:
    objects.overwrite(key, bytes(objects.stat(key).size))


@pytest.mark.parametrize(
    ("damage", "quick", "whole"),
    [
        (WatchedObjects.remove, ["is missing"], ["is missing", "can't be read"]),
        (_cut, ["has 5 bytes, not"], ["has 5 bytes, not", "has the sha256"]),
        (_spoil, [], ["has the sha256"]),
    ],
)
def test_a_check_reads_the_files_where_that_is_asked_for(
    objects: WatchedObjects, tmp_path: Path, damage: Damage, quick: list[str], whole: list[str]
) -> None:
    wheel, sdist = make_wheel(tmp_path, "acme"), make_sdist(tmp_path, "acme")
    _copy(PortableProject("acme", (_file(wheel), _file(sdist))), tmp_path)
    assert check_bucket(BucketSource(URL), read_files=True, remove_unlisted=False) == CheckResult(1, 2)
    (key,) = (each for each in _keys(objects, "files") if each.endswith(".whl"))
    damage(objects, key)
    for read_files, problems in ((False, quick), (True, whole)):
        found = check_bucket(BucketSource(URL), read_files=read_files, remove_unlisted=False)
        assert len(found.problems) == len(problems)
        for text, problem in zip(problems, found.problems, strict=True):
            assert problem.startswith(f"{wheel.name} {text}")
        assert (found.projects, found.files, found.unlisted, found.foreign) == (1, 2, [], [])


@pytest.mark.parametrize(
    "key",
    [
        *("index.json", "cleaning.json", "accounts/.htpasswd", "leases/acme/1", "once/abc", ".pypi-publish/clock"),
        *("projects/other.json", "copying.json"),
    ],
)
def test_what_an_index_writes_is_not_foreign(objects: WatchedObjects, tmp_path: Path, key: str) -> None:
    _copy(PortableProject("acme", (_file(make_wheel(tmp_path, "acme")),)), tmp_path)
    if key != "index.json":
        objects.overwrite(key, b"{}")
    found = check_bucket(BucketSource(URL), read_files=False, remove_unlisted=False)
    assert (found.foreign, found.unlisted) == ([], [])


def test_a_folder_is_checked_against_its_records(tmp_path: Path) -> None:
    root = tmp_path / "packages"
    root.mkdir()
    wheel = make_wheel(root, "acme")
    make_sdist(root, "other")
    status = wheel.stat()
    source = FolderPackages(root)
    wrong = replace(read_metadata(wheel, wheel.name), sha256="00", mtime_ns=status.st_mtime_ns)
    Records().add(source.files, "acme", {wheel.name: wrong})
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for read_files, problems in ((False, []), (True, [f"{wheel.name} has the sha256 {digest}, not 00"])):
        assert check_folder(FolderPackages(root), read_files=read_files) == CheckResult(2, 2, problems)


def test_a_check_goes_on_after_each_problem_and_sorts_what_no_record_lists(
    objects: WatchedObjects, tmp_path: Path
) -> None:
    wheel, sdist = make_wheel(tmp_path, "acme"), make_sdist(tmp_path, "acme")
    _copy(PortableProject("acme", (_file(wheel), _file(sdist))), tmp_path)
    upload = _keys(objects, "files")[0].split("/")[2]
    for key in _keys(objects, "files"):
        if not key.endswith(".metadata"):
            objects.remove(key)
    ours = f"files/gone/{upload[:13]}left/gone-1.0.zip"
    foreign = ["files/loose", "files/gone/by-hand/gone-1.0.zip"]
    for key in (ours, *foreign):
        objects.overwrite(key, b"x")
    objects.overwrite("projects/broken.json", b"{")
    objects.overwrite("files/broken/by-hand/x", b"x")  # nothing is known of a project without a record that is right
    found = check_bucket(BucketSource(URL), read_files=True, remove_unlisted=False)
    assert (found.projects, found.files) == (1, 2)
    assert [problem.split()[0] for problem in found.problems if "can't be read:" in problem] == [wheel.name, sdist.name]
    assert len([problem for problem in found.problems if "broken can't be understood" in problem]) == 1
    assert (len(found.problems), found.unlisted, found.foreign) == (5, [ours], foreign)
