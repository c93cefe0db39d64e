"""The objects of a bucket below a prefix: keys, parts of contents, versions, and what a lost answer means."""

import asyncio
import logging
from pathlib import Path
from typing import Any, cast

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError, GenericError, PermissionDeniedError, UnauthenticatedError

from publisher.errors import ConfigurationError
from publisher.server.storage.bucket import objects as module
from publisher.server.storage.bucket.objects import Objects, PartWriter, e_tag_of, open_bucket
from publisher.server.storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    StorageUnavailableError,
    StorageWriteError,
)


@pytest.fixture
def objects() -> Objects:
    return open_bucket("memory:///")


def _data(objects: Objects, key: str) -> bytes:
    found = objects.read(key)
    assert found is not None
    return found.data


def _keys(objects: Objects, folder: str = "", after: str | None = None) -> list[str]:
    return [key for key, _ in objects.walk(folder, after)]


@pytest.mark.parametrize("folder", ["a/b", "a/b/", "/a/b/"])
def test_keys_are_below_the_prefix(objects: Objects, folder: str) -> None:
    below = Objects(objects._store, folder)
    below.create("c", b"x")
    assert _keys(objects) == ["a/b/c"]
    assert _keys(below) == ["c"]
    assert _keys(below.below("d")) == []
    below.below("d/e").create("f", b"y")
    assert _keys(objects) == ["a/b/c", "a/b/d/e/f"]
    assert _data(objects, "a/b/d/e/f") == b"y"
    assert _keys(Objects(objects._store, "/")) == _keys(objects)
    Objects(objects._store, "-").create("g", b"z")
    assert _data(objects, "-/g") == b"z"


def test_what_lies_below_a_folder(objects: Objects) -> None:
    for key in ("top", "a/1", "a/2", "a/b/3", "a/c/d/4", "ab/5"):
        objects.create(key, b"x")
    assert [sorted(each) for each in objects.names("")] == [["a", "ab"], ["top"]]
    for folder in ("a", "a/"):
        assert [sorted(each) for each in objects.names(folder)] == [["b", "c"], ["1", "2"]]
    assert objects.names("absent") == ([], [])
    assert _keys(objects, "a") == ["a/1", "a/2", "a/b/3", "a/c/d/4"]
    assert _keys(objects, "a", "a/2") == ["a/b/3", "a/c/d/4"]
    assert _keys(objects.below("a"), "", "2") == ["b/3", "c/d/4"]
    assert _keys(objects, "absent") == []
    ((_, stat),) = list(objects.walk("ab"))
    assert stat == objects.stat("ab/5")


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [
        (0, None, b"0123456789"),
        (0, 4, b"0123"),
        (4, None, b"456789"),
        (4, 2, b"45"),
        (9, 1, b"9"),
        (8, 100, b"89"),
        (9, None, b"9"),
        (10, None, b""),
        (10, 1, b""),
        (11, None, b""),
        (0, 0, b""),
    ],
)
def test_a_part_of_an_object(objects: Objects, start: int, size: int | None, expected: bytes) -> None:
    objects.create("a", b"0123456789")
    assert objects.read_range("a", start, size) == expected


def test_an_object_is_read_only_where_it_has_another_version(objects: Objects) -> None:
    stat = objects.create("a", b"one")
    found = objects.read("a")
    assert found is not None
    assert (found.data, found.stat.size, found.stat.version) == (b"one", 3, stat.version)
    assert found.stat == objects.stat("a")
    assert found.stat.modified_ns > 1_700_000_000 * 10**9
    assert objects.read("a", stat.version) is None
    newer = objects.replace("a", b"three", stat.version)
    assert (newer.size, newer.version != stat.version) == (5, True)
    again = objects.read("a", stat.version)
    assert again is not None
    assert again.data == b"three"


def test_an_object_is_created_by_one_and_replaced_as_it_was_read(objects: Objects) -> None:
    first = objects.create("a", b"one")
    with pytest.raises(ExistsError):
        objects.create("a", b"two")
    second = objects.replace("a", b"two", first.version)
    for key, version in (("a", first.version), ("absent", second.version)):
        with pytest.raises(ChangedError):
            objects.replace(key, b"x", version)
    assert _data(objects, "a") == b"two"
    objects.overwrite("a", b"three")
    assert _data(objects, "a") == b"three"
    for _ in range(2):
        objects.remove("a")
    assert _keys(objects) == []


def test_an_absent_object_is_known_to_be_absent(objects: Objects, tmp_path: Path) -> None:
    async def stream() -> None:
        async for _ in objects.stream("a", 0, 1, 1):
            pass

    for look in (
        lambda: objects.read("a"),
        lambda: objects.read("a", "version"),
        lambda: objects.stat("a"),
        lambda: objects.read_range("a", 0, None),
        lambda: objects.download("a", tmp_path / "a"),
        lambda: asyncio.run(stream()),
    ):
        with pytest.raises(AbsentError):
            look()


def test_files_go_up_and_come_down_whole(objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", 10)
    for size in (0, 9, 10, 11, 35):
        data = bytes(range(size))
        (tmp_path / "file").write_bytes(data)
        contents: list[bytes | Path] = [data, tmp_path / "file"]
        for number, content in enumerate(contents):
            objects.upload(f"{size}/{number}", content, {"Content-Type": "text/plain"})
            target = tmp_path / f"{size}-{number}"
            objects.download(f"{size}/{number}", target)
            assert target.read_bytes() == data
            found = obstore.get(objects._store, f"{size}/{number}", options={"head": True})
            assert dict(found.attributes)["Content-Type"] == "text/plain"
    with pytest.raises(FileExistsError):
        objects.download("9/0", target)


def test_an_object_is_streamed_from_start_to_end(objects: Objects) -> None:
    objects.create("a", b"0123456789")

    async def read(start: int, end: int) -> bytes:
        return b"".join([part async for part in objects.stream("a", start, end, 3)])

    assert asyncio.run(read(0, 10)) == b"0123456789"
    assert asyncio.run(read(2, 5)) == b"234"


def test_parts_are_an_object_once_they_are_complete(objects: Objects) -> None:
    for key, end in (("whole", True), ("given-up", False)):
        parts = objects.open_parts(key, {"Content-Type": "text/plain"})
        parts.write(b"one")
        parts.write(b"two")
        assert key not in _keys(objects)
        if end:
            parts.complete()
        else:
            parts.abort()
    assert _keys(objects) == ["whole"]
    assert _data(objects, "whole") == b"onetwo"
    assert dict(obstore.get(objects._store, "whole").attributes)["Content-Type"] == "text/plain"


class _Store:
    """Obstore's put, whose answers are lost or replaced by failures."""

    def __init__(self, failure: Exception, *, done: bool, by: bytes | None = None) -> None:
        self.failure, self.done, self.by = failure, done, by
        self.put = obstore.put

    def __call__(self, store: Any, path: str, data: bytes, **options: Any) -> None:
        if self.done:
            self.put(store, path, data, **options)
        if self.by is not None:
            self.put(store, path, self.by)
        raise self.failure


@pytest.mark.parametrize("failure", [GenericError("the answer is lost"), AlreadyExistsError("it was sent twice")])
def test_a_write_whose_answer_is_lost_is_recognized(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(obstore, "put", _Store(failure, done=True))
        created = objects.create("a", b"mine")
    assert created == objects.stat("a")
    with monkeypatch.context() as patch:
        patch.setattr(obstore, "put", _Store(failure, done=True))
        stat = objects.create("b", b"mine")
    assert objects.replace("b", b"next", stat.version).size == 4


@pytest.mark.parametrize("by", [None, b"another's"])
def test_a_write_that_was_not_ours_or_not_done_is_a_failure(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, by: bytes | None
) -> None:
    for failure, expected in (
        (GenericError("lost"), StorageUnavailableError),
        (AlreadyExistsError("there"), ExistsError),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(obstore, "put", _Store(failure, done=False, by=by))
            with pytest.raises(expected):
                objects.create("a", b"mine")
        assert _keys(objects) == (["a"] if by else [])


@pytest.mark.parametrize("failure", [PermissionDeniedError("<Code>NoAccess</Code>\nmore"), UnauthenticatedError("no")])
def test_a_refused_write_is_none_and_is_reported(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    monkeypatch.setattr(obstore, "put", _Store(failure, done=False))
    for write in (
        lambda: objects.create("a", b"x"),
        lambda: objects.overwrite("a", b"x"),
        lambda: objects.upload("a", b"x", {}),
    ):
        caplog.clear()
        with pytest.raises(StorageWriteError, match="nothing was stored"):
            write()
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert ("NoAccess: " in record.message) is ("NoAccess" in str(failure))
        assert "more" not in record.message


def test_a_store_that_fails_is_no_answer(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise GenericError("first line\nsecond line")

    for name in ("get", "head", "put", "delete", "list", "list_with_delimiter"):
        monkeypatch.setattr(obstore, name, fail)
    for request, outcome in (
        (lambda: objects.read("a"), "can't be read"),
        (lambda: objects.stat("a"), "can't be read"),
        (lambda: objects.read_range("a", 0, None), "can't be read"),
        (lambda: objects.names("a"), "can't be read"),
        (lambda: _keys(objects), "can't be read"),
        (lambda: objects.overwrite("a", b"x"), "can't be written"),
        (lambda: objects.upload("a", b"x", {}), "can't be written"),
        (lambda: objects.remove("a"), "can't be written"),
    ):
        caplog.clear()
        with pytest.raises(StorageUnavailableError) as failure:
            request()
        assert not isinstance(failure.value, AbsentError)
        assert ("may or may not" in failure.value.message) is (outcome == "can't be written")
        (record,) = caplog.records
        assert (record.levelno, record.message) == (logging.WARNING, f"the bucket {outcome}: first line")


@pytest.mark.parametrize(("version", "e_tag"), [("tag", "tag"), ("tag 17", "tag"), ("", "")])
def test_a_listing_has_the_etag_of_a_version(version: str, e_tag: str) -> None:
    assert e_tag_of(version) == e_tag


@pytest.mark.parametrize("url", ["nonsense", "ftp://host/x", "s3://"])
def test_a_url_that_is_none_is_refused_with_the_variables(url: str) -> None:
    with pytest.raises(ConfigurationError, match="can't be opened") as refused:
        open_bucket(url)
    assert f"The bucket {url} " in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "AWS_" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("version", "condition"),
    [("tag", {"e_tag": "tag"}), ("tag 17", {"e_tag": "tag", "version": "17"})],
)
def test_a_replacement_names_the_version_and_its_generation_where_it_has_one(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, version: str, condition: dict[str, str]
) -> None:
    modes: list[object] = []

    def put(*_: object, mode: object, **__: object) -> dict[str, str]:
        modes.append(mode)
        return {"e_tag": "next", "version": "18"}

    monkeypatch.setattr(obstore, "put", put)
    assert objects.replace("a", b"x", version).version == "next"
    assert modes == [condition]


class _BrokenWriter:
    """Obstore's writer, over a line that is cut."""

    def write(self, _: bytes) -> None:
        raise OSError("cut\nmore")

    def close(self) -> None:
        raise GenericError("cut\nmore")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        raise OSError("cut\nmore")


@pytest.mark.parametrize(("step", "arguments"), [("write", (b"x",)), ("complete", ()), ("abort", ())])
def test_parts_that_cannot_be_sent_are_a_failure_and_are_reported(
    caplog: pytest.LogCaptureFixture, step: str, arguments: tuple[bytes, ...]
) -> None:
    parts = PartWriter(cast("Any", _BrokenWriter()))
    with pytest.raises(StorageUnavailableError):
        getattr(parts, step)(*arguments)
    (record,) = caplog.records
    assert (record.levelno, record.message) == (logging.WARNING, "the parts of an upload can't be stored: cut")
