"""Writes that reach the disk before they are acknowledged: contents, names, and the folders that hold them."""

import asyncio
import errno
import fcntl
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.storage import filelocks, groupsync
from publisher.server.storage.errors import ExistsError, StorageError, StorageUnavailableError
from publisher.server.storage.filelocks import FileLocks
from publisher.server.storage.folder import FolderFiles, FolderStorage
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges
from publisher.server.store.errors import FileExistsConflictError
from publisher.server.store.metadata import read_metadata
from publisher.server.store.records import Records
from publisher.server.store.spool import Spool
from tests.helpers.dists import make_wheel
from tests.storage.worlds import Containers


class Synced:
    """The inodes that were synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inodes: set[int] = set()
        fsync = os.fsync

        def noted(descriptor: int) -> None:
            self.inodes.add(os.fstat(descriptor).st_ino)
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", noted)

    def __contains__(self, path: Path) -> bool:
        return path.stat().st_ino in self.inodes


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    return Synced(monkeypatch)


@pytest.fixture
def files(tmp_path: Path) -> FolderFiles:
    (tmp_path / "packages").mkdir()
    return FolderStorage(tmp_path / "packages").files()


def test_a_created_file_and_its_new_folders_are_synced(files: FolderFiles, synced: Synced) -> None:
    files.create("new/folder/file", b"x")
    for place in ("new/folder/file", "new/folder", "new", ""):
        assert files.root / place in synced, place


def test_a_copy_from_another_disk_is_synced(
    files: FolderFiles, synced: Synced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    stat = Path.stat
    other = os.stat_result((*stat(source)[:2], stat(source).st_dev + 1, *stat(source)[3:]))
    monkeypatch.setattr(Path, "stat", lambda path, **options: other if path == source else stat(path, **options))
    files.create("file", source)
    assert files.root / "file" in synced
    assert (files.root / "file").read_bytes() == b"x"


def test_a_replaced_file_and_its_folder_are_synced(files: FolderFiles, synced: Synced) -> None:
    files.replace("file", b"x", None)
    assert files.root / "file" in synced
    assert files.root in synced


def test_the_folder_of_a_file_that_another_file_replaces_is_synced(
    files: FolderFiles, synced: Synced, tmp_path: Path
) -> None:
    files.replace("file", b"x", None)
    source = tmp_path / "source"
    source.write_bytes(b"y")
    synced.inodes.clear()
    files.replace("file", source, files.stat("file").version)
    assert (files.root / "file").read_bytes() == b"y"
    assert files.root in synced


def test_a_file_whose_name_could_not_be_synced_is_taken_back(
    files: FolderFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(groupsync, "sync_directory", fail)
    with pytest.raises(StorageError):
        files.create("file", b"x")
    assert not (files.root / "file").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_disk_that_fails_is_no_file_system_without_links(
    files: FolderFiles, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: Any, **_options: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(StorageError):
        files.create("file", b"x")
    assert not (files.root / "file").exists()


@pytest.fixture(params=["ranges", "files"])
def locks(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileLocks:
    """Locks of both kinds, on a system that has none of the first."""
    if request.param == "files":
        control = fcntl.fcntl

        def refuse(descriptor: int, command: int, *arguments: Any) -> Any:
            if command in {fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW}:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            return control(descriptor, command, *arguments)

        monkeypatch.setattr(fcntl, "fcntl", refuse)
    return FileLocks(tmp_path, tmp_path / "locks")


def test_a_lock_has_one_holder_among_threads_and_processes(locks: FileLocks, tmp_path: Path) -> None:
    another = FileLocks(tmp_path, tmp_path / "locks")
    inside = most = 0
    mutex = threading.Lock()

    def enter(mine: FileLocks) -> None:
        nonlocal inside, most
        with mine.hold_in_thread("name"):
            with mutex:
                inside += 1
                most = max(most, inside)
            time.sleep(0.005)
            with mutex:
                inside -= 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(enter, [locks, another, locks, another] * 2))
    assert most == 1
    with locks.hold_in_thread("name"), locks.hold_in_thread("another"):
        pass


def test_a_lock_ends_with_its_process(locks: FileLocks) -> None:
    process = os.fork()
    if not process:
        with locks.hold_in_thread("name"):
            os._exit(0)
    os.waitpid(process, 0)
    with locks.hold_in_thread("name"):
        pass


def test_a_lock_whose_file_its_last_holder_has_removed_is_no_lock(
    locks: FileLocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open
    with ExitStack() as first:
        first.enter_context(locks.hold_in_thread("name"))

        def then_removed(path: Any, *arguments: int) -> int:  # between another's open and lock
            descriptor = opened(path, *arguments)
            first.close()
            Path(path).unlink(missing_ok=True)
            monkeypatch.setattr(os, "open", opened)
            return descriptor

        monkeypatch.setattr(os, "open", then_removed)
        with locks.hold_in_thread("name"), pytest.raises(StorageUnavailableError):  # the file that others find
            asyncio.run(_take(FileLocks(tmp_path, tmp_path / "locks")))


async def _take(locks: FileLocks) -> None:
    async with locks.hold("name", 0.01):
        pass


def test_the_folder_of_a_removed_file_is_synced(files: FolderFiles, synced: Synced) -> None:
    (files.root / "file").write_bytes(b"x")
    files.remove("file")
    assert files.root in synced


def test_a_log_and_the_folder_of_a_new_one_are_synced(files: FolderFiles, synced: Synced) -> None:
    files.create("logs/another", b"")
    synced.inodes.clear()
    files.append("logs/log", b"x\n")
    assert files.root / "logs/log" in synced
    assert files.root / "logs" in synced


def test_a_log_that_did_not_wait_is_synced_with_the_next_file_and_before_its_folder(
    files: FolderFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: order.append(os.fstat(descriptor).st_ino))
    for content in (b"x", b"y"):
        files.append("logs/log", b"line\n", durable=False)
        order.clear()
        if content == b"x":
            files.create("file", content)
        else:
            files.replace("file", content, files.stat("file").version)
        log, folder = ((files.root / name).stat().st_ino for name in ("logs/log", ""))
        assert order.index(log) < order.index(folder)
    assert files.root.joinpath("logs").stat().st_ino not in order  # only a new log needs its name synced


def test_a_file_that_did_not_wait_is_synced_with_the_next_one_and_so_are_its_new_folders(
    files: FolderFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: order.append(os.fstat(descriptor).st_ino))
    files.create("marks/acme/mark", b"x", durable=False)
    assert order == []
    assert files.read("marks/acme/mark") == b"x"
    files.create("file", b"y")
    mark, *folders = (
        order.index((files.root / name).stat().st_ino) for name in ("marks/acme/mark", "marks/acme", "marks", "")
    )
    assert mark < min(folders)
    order.clear()
    files.create("another", b"z")
    assert (files.root / "marks/acme/mark").stat().st_ino not in order  # once is enough


@pytest.mark.parametrize("in_memory", [False, True])
def test_an_upload_and_its_record_are_synced_before_it_is_acknowledged(
    tmp_path: Path, synced: Synced, *, in_memory: bool
) -> None:
    root = tmp_path / "packages"
    root.mkdir()

    async def run() -> None:
        storage = FolderStorage(root, needs_dot_folder=True)
        catalog = Catalog(settings := ServerSettings((root,)), storage)
        await catalog.start()
        changes = ReleaseChanges(settings, catalog, storage)
        for version in ("1.0", "2.0"):
            wheel = make_wheel(tmp_path, "acme", version)
            synced.inodes.clear()
            content = wheel.read_bytes() if in_memory else wheel
            await changes.upload(content, wheel.name, read_metadata(wheel, wheel.name))
            assert not in_memory or root / wheel.name in synced
            record = root / ".pypi-publish/facts/acme.jsonl"
            assert record in synced, version
            assert root in synced, version
            assert record.parent in synced or version != "1.0"
        catalog.close()

    asyncio.run(run())


def test_a_mark_is_synced_with_its_folders(files: FolderFiles, synced: Synced) -> None:
    Records().mark(files, ("acme", "acme-1.0.tar.gz"), "deleted", {})
    marks = files.root / ".pypi-publish/marks"
    for path in (marks / "acme/acme-1.0.tar.gz.deleted", marks / "acme", marks):
        assert path in synced, path


def test_an_upload_is_synced_before_it_is_stored(tmp_path: Path, synced: Synced) -> None:
    async def run() -> None:
        with ThreadPoolExecutor(1) as threads:
            spool = Spool(tmp_path, 100, threads, in_memory=False)
            spool.write(b"x")
            await spool.finish()
            assert isinstance(spool.content, Path)
            assert spool.content in synced
            await spool.discard()

    asyncio.run(run())


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EACCES, errno.EINVAL])
def test_a_file_system_without_links_has_one_winner_too(
    files: FolderFiles, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: Any, **_options: Any) -> None:
        raise OSError(number, os.strerror(number))

    exists = Path.exists

    def slow(path: Path) -> bool:  # long enough for all to look before the first one writes
        found = exists(path)
        time.sleep(0.01)
        return found

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "exists", slow)
    start = threading.Barrier(4)
    won: list[bytes] = []

    def create(data: bytes) -> None:
        start.wait()
        try:
            files.create("name", data)
        except ExistsError:
            return
        won.append(data)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(create, [b"%d" % number for number in range(4)]))
    assert [(files.root / "name").read_bytes()] == won


def test_a_yank_and_a_delete_are_committed(containers: Containers, tmp_path: Path) -> None:
    wheels = [make_wheel(tmp_path, "acme", version) for version in ("1.0", "2.0")]

    async def run() -> None:
        storage = containers.writer()
        catalog = Catalog(settings := ServerSettings((containers.mounts[storage].folder,)), storage)
        await catalog.start()
        changes = ReleaseChanges(settings, catalog, storage)
        for wheel in wheels:
            await changes.upload(wheel, wheel.name, read_metadata(wheel, wheel.name))
        committed = containers.volume.store
        await changes.yank("acme", "1.0", "broken", "ada")
        assert (committed / f".pypi-publish/marks/acme/{wheels[0].name}.yanked").exists()
        await changes.delete("acme", "2.0", None, "ada")
        assert (committed / f".pypi-publish/marks/acme/{wheels[1].name}.deleted").exists()
        assert not (committed / wheels[1].name).exists()
        await changes.unyank("acme", "1.0")
        assert not (committed / f".pypi-publish/marks/acme/{wheels[0].name}.yanked").exists()
        catalog.close()

    asyncio.run(run())


def test_two_spellings_at_the_same_moment_have_one_winner(tmp_path: Path) -> None:
    root = tmp_path / "packages"
    root.mkdir()
    names = ["acme_lib-1.0-py3-none-any.whl", "acme_lib-1.0.0-py3-none-any.whl"]

    async def run() -> None:
        settings = ServerSettings((root,))
        servers = []
        for _ in names:
            storage = FolderStorage(root, needs_dot_folder=True)
            catalog = Catalog(settings, storage)
            await catalog.start()
            servers.append(ReleaseChanges(settings, catalog, storage))
        for attempt in range(20):
            spelled = [name.replace("lib", f"lib{attempt}") for name in names]
            sources = [tmp_path / name for name in spelled]
            for number, source in enumerate(sources):
                source.write_bytes(b"%d" % number)
            found = await asyncio.gather(
                *(
                    server.upload(source, source.name, read_metadata(source, source.name))
                    for server, source in zip(servers, sources, strict=True)
                ),
                return_exceptions=True,
            )
            assert sum(isinstance(each, FileExistsConflictError) for each in found) == 1, found
            assert len(list(root.glob(f"acme_lib{attempt}-*"))) == 1

    asyncio.run(run())


def test_claims_that_have_expired_leave_no_file_and_those_in_force_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        monkeypatch.setattr(filelocks, "_CLEANED_EVERY", 0.0)
        storage = FolderStorage(tmp_path)
        folder = tmp_path / ".pypi-publish" / "once"
        assert await storage.claim_once("long", "mine", 3600) == "mine"
        for number in range(5):
            assert await storage.claim_once(f"short {number}", "mine", -1) == "mine"
        assert await storage.claim_once("last", "mine", 3600) == "mine"
        assert len(list(folder.iterdir())) == 2
        assert await storage.claim_once("long", "theirs", 3600) == "mine"
        assert await storage.claim_once("short 1", "theirs", 3600) == "theirs"

    asyncio.run(run())
