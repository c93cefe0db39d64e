"""Files of a folder: what is there after each change and each refusal, and what failures mean."""

import asyncio
import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from publisher.server.siblings.news import NoNews
from publisher.server.storage import filelocks, folder
from publisher.server.storage.durability import is_read_only, write_failure
from publisher.server.storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    StorageError,
    StorageFullError,
    StorageReadOnlyError,
    StorageUnavailableError,
    StorageWriteError,
)
from publisher.server.storage.folder import COPIES, FolderFiles, FolderStorage, remove_old_copies
from publisher.server.storage.json_text import parse_json
from publisher.server.storage.readonly import ReadOnlyFolder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    return made


@pytest.fixture
def files(root: Path) -> FolderFiles:
    return FolderStorage(root).files()


def _all(root: Path) -> list[str]:
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and ".pypi-publish" not in path.parts
    )


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [
        (0, None, b"0123456789"),
        (0, 3, b"012"),
        (3, None, b"3456789"),
        (3, 2, b"34"),
        (8, 5, b"89"),
        (10, 1, b""),
        (11, None, b""),
        (0, 0, b""),
    ],
)
def test_a_part_of_a_file(files: FolderFiles, start: int, size: int | None, expected: bytes) -> None:
    files.create("a/b", b"0123456789")
    assert files.read("a/b", start, size) == expected


def test_absent_is_no_failure_and_a_failure_is_not_absent(files: FolderFiles, root: Path) -> None:
    files.create("a", b"x")
    for look in (files.read, files.stat):
        for key in ("b", "c/d", "a/b"):
            with pytest.raises(AbsentError):
                look(key)
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    for key in ("folder", "pipe"):
        with pytest.raises(StorageUnavailableError, match="can't be read"):
            files.read(key)
    assert list(files.list("absent")) == []
    assert list(files.list("a")) == []


def test_names_are_sorted_without_hidden_ones(files: FolderFiles) -> None:
    for key in ("f/b", "f/a", "f/.hidden", "f/deep/c"):
        files.create(key, b"x")
    assert list(files.list("f")) == ["a", "b", "deep"]


@pytest.mark.parametrize("from_path", [False, True])
def test_a_taken_name_keeps_its_file(files: FolderFiles, root: Path, tmp_path: Path, *, from_path: bool) -> None:
    (tmp_path / "new").write_bytes(b"new")
    files.create("deep/er/a", b"old")
    with pytest.raises(ExistsError):
        files.create("deep/er/a", tmp_path / "new" if from_path else b"new")
    assert files.read("deep/er/a") == b"old"
    assert _all(root) == ["deep/er/a"]
    assert (tmp_path / "new").read_bytes() == b"new"


def test_a_created_file_is_undone_with_its_writer(files: FolderFiles, root: Path) -> None:
    changed = [files.changed]
    for key in ("a", "b"):
        files.create(key, b"x")
        changed.append(files.changed)
    files.undo_creations()
    assert _all(root) == []
    assert [*changed, files.changed] == [False, True, True, False]


def test_a_file_is_replaced_as_it_was_read(files: FolderFiles, root: Path, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"from a path")
    first = files.replace("deep/a", b"one", None)
    assert first == files.stat("deep/a")
    assert files.changed
    with pytest.raises(ChangedError):
        files.replace("deep/a", b"late", None)
    second = files.replace("deep/a", tmp_path / "new", first.version)
    assert (second.size, files.read("deep/a")) == (11, b"from a path")
    for version in (first.version, None):
        with pytest.raises(ChangedError):
            files.replace("deep/a", b"late", version)
    with pytest.raises(ChangedError):
        files.replace("absent", b"x", first.version)
    assert _all(root) == ["deep/a"]


def test_a_file_keeps_its_permissions_and_a_new_one_has_those_of_the_storage(root: Path) -> None:
    private = FolderStorage(root, mode=0o600).files()
    private.replace("a", b"x", None)
    private.create("b", b"x")
    for name in ("a", "b"):
        assert stat.S_IMODE((root / name).stat().st_mode) == 0o600
    (root / "a").chmod(0o640)
    private.replace("a", b"y", private.stat("a").version)
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o640


def test_only_a_holder_replaces_and_removes(root: Path) -> None:
    async def run() -> None:
        storage = FolderStorage(root)
        async with storage.writing() as files:
            version = files.create("a", b"x").version
            for change in (lambda: files.replace("a", b"y", version), lambda: files.remove("a")):
                with pytest.raises(RuntimeError, match="lease"):
                    change()
            files.append("log", b"one\n")
        async with storage.lease("a") as lease, storage.writing(lease) as files:
            files.remove("a")
            files.remove("a")  # it is gone already
            files.remove("deep/absent")
        assert _all(root) == ["log"]

    asyncio.run(run())


def test_lines_are_complete_ones_and_those_of_all_writers(files: FolderFiles, root: Path) -> None:
    assert list(files.lines("deep/log")) == []
    files.append("deep/log", b"one\n")
    files.append("deep/log", b"two\n", durable=False)
    (root / "deep" / "log~").mkdir()
    (root / "deep" / "log~" / "other").write_bytes(b"three\n")
    assert list(files.lines("deep/log")) == [b"one", b"two", b"three"]
    with (root / "deep" / "log").open("ab") as file:
        file.write(b"torn")
    files.append("deep/log", b"four\n")
    assert list(files.lines("deep/log")) == [b"one", b"two", b"torn", b"four", b"three"]


def test_only_new_lines_are_read_again(files: FolderFiles, root: Path) -> None:
    seen: dict[str, int] = {}
    assert list(files.lines("log", seen)) == []
    files.append("log", b"one\ntwo\n")
    assert list(files.lines("log", seen)) == [b"one", b"two"]
    assert list(files.lines("log", seen)) == []
    with (root / "log").open("ab") as file:
        file.write(b"thr")
    assert list(files.lines("log", seen)) == []  # it is not complete
    with (root / "log").open("ab") as file:
        file.write(b"ee\nfour\n")
    assert list(files.lines("log", seen)) == [b"three", b"four"]
    assert seen == {"log": 19}
    (root / "log").write_bytes(b"a\n")  # rewritten, and shorter
    assert list(files.lines("log", seen)) == [b"a"]
    (root / "log").write_bytes(b"other lines\n")
    assert list(files.lines("log", seen)) == [b"other lines"]


def test_a_log_is_rewritten_with_the_lines_that_are_kept(files: FolderFiles, root: Path) -> None:
    files.append("log", b"one\n\ntwo\nthree\n")
    files.compact("log", lambda lines: [line for line in lines if line != b"two"])
    assert (root / "log").read_bytes() == b"one\nthree\n"
    with pytest.raises(StorageError):
        files.compact("absent", lambda lines: lines)


class News(NoNews):
    """Counts the messages."""

    def __init__(self) -> None:
        self.count = 0

    def tell(self, message: bytes = b"") -> None:  # noqa: ARG002 - the interface
        self.count += 1


@pytest.mark.parametrize("tells", [False, True])
def test_a_storage_that_tells_does_so_after_a_change_alone(root: Path, *, tells: bool) -> None:
    async def run() -> None:
        news = News()
        storage = FolderStorage(root, news=news, tells=tells)
        async with storage.writing() as files:
            files.list("a")
        assert news.count == 0
        async with storage.writing() as files:
            files.create("a", b"x")
            assert news.count == 0
        assert news.count == int(tells)
        with suppress(ZeroDivisionError):
            async with storage.writing() as files:
                files.append("log", b"x\n")
                _ = 1 / 0
        assert news.count == 2 * int(tells)

    asyncio.run(run())


def test_a_version_is_known_at_once(root: Path) -> None:
    async def run() -> None:
        storage = FolderStorage(root)
        assert storage.known_version("a") is None
        async with storage.writing() as files:
            version = files.create("a", b"x").version
        assert storage.known_version("a") == version
        assert storage.is_recent()

    asyncio.run(run())


def test_nothing_is_made_in_the_place_of_a_folder_that_is_gone(tmp_path: Path) -> None:
    root = tmp_path / "gone"
    files = FolderStorage(root).files()

    def create() -> object:
        return files.create("deep/a", b"x")

    for change in (create, lambda: files.append("log", b"x\n"), lambda: files.replace("a", b"", None)):
        with pytest.raises(StorageWriteError):
            change()
    assert not root.exists()


def test_a_storage_that_needs_its_dot_folder_is_lost_without_it(root: Path) -> None:
    async def run() -> None:
        storage = FolderStorage(root, needs_dot_folder=True)
        with pytest.raises(StorageWriteError):
            async with storage.lease("a"):
                pass
        assert list(root.iterdir()) == []  # noqa: ASYNC240 - a test
        (root / ".pypi-publish").mkdir()
        async with storage.lease("a"):
            pass

    asyncio.run(run())


def test_copies_of_dead_processes_are_removed_after_a_day(root: Path) -> None:
    copies = root / COPIES
    copies.mkdir(parents=True)
    ages = {"old.part": folder.COPY_SECONDS + 60, "young.part": folder.COPY_SECONDS - 60, "old.other": 1e6}
    for name, age in ages.items():
        (copies / name).write_bytes(b"x")
        os.utime(copies / name, (time.time() - age,) * 2)
    remove_old_copies(root)
    assert sorted(path.name for path in copies.iterdir()) == ["old.other", "young.part"]
    os.utime(copies / "young.part", (0, 0))
    asyncio.run(FolderStorage(root).start())
    assert sorted(path.name for path in copies.iterdir()) == ["old.other"]
    remove_old_copies(root / "absent")


@pytest.mark.parametrize(
    ("number", "kind", "read_only"),
    [
        (errno.ENOSPC, StorageFullError, False),
        (errno.EDQUOT, StorageFullError, False),
        (errno.EROFS, StorageReadOnlyError, True),
        (errno.EACCES, StorageReadOnlyError, True),
        (errno.EPERM, StorageReadOnlyError, True),
        (errno.EIO, StorageWriteError, False),
        (errno.ENOENT, StorageWriteError, False),
    ],
)
def test_each_failure_of_the_disk_has_its_error(
    number: int, kind: type[StorageError], caplog: pytest.LogCaptureFixture, *, read_only: bool
) -> None:
    error = OSError(number, os.strerror(number))
    found = write_failure(error)
    assert type(found) is kind
    assert "nothing was stored" in found.message
    assert is_read_only(error) is read_only
    assert bool(caplog.records) == (kind is StorageWriteError)


def test_a_folder_of_another_program_is_never_changed(root: Path) -> None:
    (root / "htpasswd").write_text("ada:hash\n")
    copies = root / COPIES
    copies.mkdir(parents=True)
    (copies / "old.part").write_bytes(b"x")
    os.utime(copies / "old.part", (0, 0))
    storage = ReadOnlyFolder(root)
    asyncio.run(storage.start())
    with pytest.raises(StorageReadOnlyError, match="only reads that file"):
        storage.writing()
    with pytest.raises(StorageReadOnlyError, match="only reads that file"):
        storage.lease("a")
    assert storage.files().read("htpasswd") == b"ada:hash\n"
    assert (copies / "old.part").exists()


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 100_000, b"\xff", b"\x00"])
def test_damaged_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
    assert parse_json('{"a": [1, null]}') == {"a": [1, None]}


def test_a_storage_tells_and_needs_nothing_unless_it_is_asked_to(root: Path) -> None:
    told: list[bytes] = []

    class News(NoNews):
        def tell(self, message: bytes = b"") -> None:
            told.append(message)

    storage = FolderStorage(root, news=News())

    async def write() -> None:
        async with storage.writing() as files:
            files.create("file", b"x")
        async with storage.lease("name"):
            pass

    asyncio.run(write())
    assert told == []
    assert (storage.shared, storage.is_rebuilt, storage.reading_paused) == (False, True, False)
    assert (storage.generation, storage.oldest_page, storage.is_recent()) == (0, 0.0, True)


@pytest.mark.parametrize("as_root", [True, False])
def test_what_root_makes_belongs_to_the_owner_of_the_folder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, as_root: bool
) -> None:
    given: list[str] = []
    owner = 1234
    stat_of_path = os.stat

    def owned(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        found = list(stat_of_path(path, *arguments, **options))
        found[4], found[5] = owner, owner + 1
        return os.stat_result(found)

    def give(path: Path | str, user: int, group: int) -> None:
        assert (user, group) == (owner, owner + 1)
        given.append(str(Path(path).relative_to(root)))

    files = FolderStorage(root).files()
    source = tmp_path / "source"
    source.write_bytes(b"x")
    monkeypatch.setattr(
        filelocks,
        "os",
        SimpleNamespace(**{**vars(os), "geteuid": lambda: 0 if as_root else 5, "stat": owned, "chown": give}),
    )
    for _ in range(2):
        files.append("deep/log", b"line\n")
    files.create("deep/created", b"x")
    files.replace("deep/replaced", b"x", None)
    assert ("deep/replaced" in given) is as_root
    files.replace("deep/replaced", b"y", files.stat("deep/replaced").version)
    made = {"deep", "deep/log", "deep/created", "deep/replaced"}
    assert made <= set(given) if as_root else given == []
    assert all(given.count(each) == 1 for each in made) is as_root
    given.clear()
    owner = 0
    files.create("deep/again", b"x")
    assert given == []
