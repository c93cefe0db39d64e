"""Files of a bucket in memory: versions, ranges, logs, and what is believed of absent ones."""

from pathlib import Path

import pytest

from publisher.server.storage.bucket.files import BucketFiles
from publisher.server.storage.bucket.identity import open_identity
from publisher.server.storage.errors import AbsentError, ChangedError, ExistsError, StorageUnavailableError
from tests.helpers.memory_bucket import URL, WatchedObjects, memory_index


@pytest.fixture
def objects() -> WatchedObjects:
    return memory_index().objects


@pytest.fixture
def files(objects: WatchedObjects) -> BucketFiles:
    identity = open_identity(objects, URL)
    objects.orders.take()
    return BucketFiles(objects, identity)


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [
        (0, None, b"0123456789"),
        (0, 3, b"012"),
        (3, None, b"3456789"),
        (3, 2, b"34"),
        (8, 5, b"89"),
        (9, 1, b"9"),
        (10, 1, b""),
        (11, None, b""),
        (0, 0, b""),
        (4, 0, b""),
    ],
)
def test_a_part_of_a_file(files: BucketFiles, start: int, size: int | None, expected: bytes) -> None:
    files.create("a/b", b"0123456789")
    assert files.read("a/b", start, size) == expected


def test_a_version_follows_the_contents(files: BucketFiles) -> None:
    first = files.create("a", b"one")
    assert (first.size, files.stat("a").size) == (3, 3)
    assert files.stat("a").version == first.version
    assert files.read_versioned("a") == (b"one", first.version)
    assert files.read_versioned("a", first.version) is None
    second = files.replace("a", b"other", first.version)
    assert second.version != first.version
    assert second.size == 5
    assert files.read_versioned("a", first.version) == (b"other", second.version)
    with pytest.raises(ChangedError):
        files.replace("a", b"late", first.version)
    with pytest.raises(ChangedError):
        files.replace("a", b"late", None)
    assert files.read("a") == b"other"
    with pytest.raises(ExistsError):
        files.create("a", b"again")


def test_a_file_is_created_by_replacing_nothing_and_from_a_path(files: BucketFiles, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from a path")
    files.replace("a", tmp_path / "file", None)
    files.create("b", tmp_path / "file")
    assert files.read("a") == files.read("b") == b"from a path"


def test_a_time_is_named_once_it_is_known(files: BucketFiles) -> None:
    named = []

    class Naming:
        def __init__(self, stat: object) -> None:
            named.append(stat)

        def __enter__(self) -> None:
            named.append("in")

        def __exit__(self, *_: object) -> None:
            named.append("out")

    stat = files.create("a", b"x", Naming)
    assert named == [stat, "in", "out"]


def test_names_directly_below_are_sorted_and_hidden_ones_left_out(files: BucketFiles, objects: WatchedObjects) -> None:
    for key in ("a/two", "a/one", "a/deep/three", "a/.hidden", "b/four", "ab/five"):
        files.create(key, b"x")
    assert list(files.list("a")) == ["deep", "one", "two"]
    objects.orders.take()
    assert list(files.list("nothing")) == []
    assert objects.orders.take() == ["names nothing", "read index.json"]
    assert sorted(key for key, _ in files.walk("a")) == ["a/.hidden", "a/deep/three", "a/one", "a/two"]


@pytest.mark.parametrize("look", ["read", "stat", "list", "walk", "lines", "read_versioned"])
def test_absent_is_absent_only_while_the_index_is_there(files: BucketFiles, objects: WatchedObjects, look: str) -> None:
    def run() -> object:
        found = getattr(files, look)("nothing")
        return list(found) if look in {"list", "walk", "lines"} else found

    if look in {"list", "walk", "lines"}:
        assert run() == []
    else:
        with pytest.raises(AbsentError):
            run()
    objects.remove("index.json")
    with pytest.raises(StorageUnavailableError):
        run()


def test_what_is_there_takes_no_look_at_the_identifier(files: BucketFiles, objects: WatchedObjects) -> None:
    files.create("a/b", b"x")
    objects.orders.take()
    files.read("a/b")
    files.stat("a/b")
    files.list("a")
    list(files.walk("a"))
    assert "read index.json" not in objects.orders.take()


def test_a_log_is_read_in_order_and_each_batch_once(files: BucketFiles, objects: WatchedObjects) -> None:
    seen: dict[str, int] = {}
    assert list(files.lines("log", seen)) == []
    files.append("log", b"one\ntwo\n")
    files.append("log", b"three\n")
    assert list(files.lines("log")) == [b"one", b"two", b"three"]
    assert list(files.lines("log", seen)) == [b"one", b"two", b"three"]
    assert len(seen) == 2
    files.append("log", b"four\n\n")
    objects.orders.take()
    assert list(files.lines("log", seen)) == [b"four"]
    assert len([each for each in objects.orders.take() if each.startswith("read log~/")]) == 1
    assert list(files.lines("log", seen)) == []
    assert sorted(seen.values()) == [6, 6, 8]
    files.compact("log", lambda _: [])
    assert len(files.lines("log")) == 4


def test_batches_of_one_moment_have_an_order(
    files: BucketFiles, objects: WatchedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 5)
    for number in range(12):
        files.append("log", b"%d\n" % number)
    assert list(files.lines("log")) == [b"%d" % number for number in range(12)]
    keys = [key for key, _ in objects.walk("log~")]
    assert len({len(key) for key in keys}) == 1
    monkeypatch.setattr("time.time_ns", lambda: 3)  # a clock that was set back
    files.append("log", b"last\n")
    assert files.lines("log")[-1] == b"last"


def test_two_writers_of_a_log_lose_nothing(objects: WatchedObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = open_identity(objects, URL)
    monkeypatch.setattr("time.time_ns", lambda: 5)
    writers = [BucketFiles(objects, identity) for _ in range(2)]
    for number, writer in enumerate(writers * 3):
        writer.append("log", b"%d\n" % number)
    assert sorted(writers[0].lines("log")) == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_only_a_holder_replaces_and_removes(objects: WatchedObjects) -> None:
    files = BucketFiles(objects, open_identity(objects, URL), leased=False)
    version = files.create("a", b"x").version
    for change in (lambda: files.replace("a", b"y", version), lambda: files.remove("a")):
        with pytest.raises(RuntimeError, match="lease"):
            change()
    assert files.read("a") == b"x"
    holder = BucketFiles(objects, open_identity(objects, URL))
    holder.remove("a")
    holder.remove("a")  # it is gone already
    with pytest.raises(AbsentError):
        files.read("a")
