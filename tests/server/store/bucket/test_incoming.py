"""Uploads whose parts go to the bucket as they come in: how many at a time, and what is left of each ending."""

import logging

import pytest

from publisher.server.storage.bucket.objects import PART, PartWriter
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.bucket.incoming import ATTRIBUTES, STREAMED, IncomingParts, IncomingUploads, is_large
from tests.helpers.memory_bucket import WatchedObjects, memory_objects

FILE = "acme-1.0.tar.gz"


@pytest.fixture
def objects() -> WatchedObjects:
    return memory_objects()


def _begin(uploads: IncomingUploads) -> IncomingParts:
    parts = uploads.begin("acme", FILE)
    assert parts is not None
    return parts


def _keys(objects: WatchedObjects) -> list[str]:
    return [key for key, _ in objects.walk("")]


def _fail(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailableError("made up")

    monkeypatch.setattr(PartWriter, method, fail)


def test_an_upload_is_an_object_of_its_own_once_it_is_complete(objects: WatchedObjects) -> None:
    parts = _begin(IncomingUploads(objects, "0123456789abcdef"))
    block = bytearray(b"first ")
    parts.write(memoryview(block))
    block[:] = b"second"  # the reader uses it again
    parts.write(memoryview(block))
    assert _keys(objects) == []
    assert parts.complete() is True
    assert _keys(objects) == [f"files/acme/{parts.upload}/{FILE}"]
    found = objects.read(f"files/acme/{parts.upload}/{FILE}")
    assert found is not None
    assert found.data == b"first second"
    assert parts.complete() is False
    parts.discard()
    parts.write(memoryview(b"late"))
    assert _keys(objects) == [f"files/acme/{parts.upload}/{FILE}"]


def test_each_upload_has_an_identifier_of_this_index() -> None:
    uploads = IncomingUploads(memory_objects(), "0123456789abcdef")
    found = {uploads.new() for _ in range(5)} | {_begin(uploads).upload}
    assert len(found) == 6
    for each in found:
        index, _, unique = each.partition("-")
        assert (index, len(unique), int(unique, 16) > 0) == ("0123456789ab", 32, True)


def test_a_discarded_upload_leaves_nothing(objects: WatchedObjects) -> None:
    parts = _begin(IncomingUploads(objects, "id"))
    parts.write(memoryview(b"x"))
    for _ in range(2):
        parts.discard()
    assert parts.complete() is False
    assert _keys(objects) == []


@pytest.mark.parametrize("ending", ["complete", "discard", "write", "failed completion", "failed discard"])
def test_each_upload_has_a_place_and_every_ending_gives_back_one(
    objects: WatchedObjects, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    uploads = IncomingUploads(objects, "id")
    under_way = [_begin(uploads) for _ in range(STREAMED)]
    assert uploads.begin("acme", FILE) is None
    methods = {"write": "write", "failed completion": "complete", "failed discard": "abort"}
    with monkeypatch.context() as patch:
        if ending in methods:
            _fail(patch, methods[ending])
        first = under_way[0]
        if ending == "write":
            first.write(memoryview(b"x"))
        elif ending.endswith("discard"):
            first.discard()
        else:
            assert first.complete() is (ending == "complete")
    first.discard()
    assert first.complete() is False
    _begin(uploads)
    assert uploads.begin("acme", FILE) is None


def test_parts_that_cannot_be_stored_are_given_up_and_the_upload_goes_on(
    objects: WatchedObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = _begin(IncomingUploads(objects, "id"))
    with monkeypatch.context() as patch:
        _fail(patch, "write")
        parts.write(memoryview(b"x"))
    parts.write(memoryview(b"y"))
    assert parts.complete() is False
    assert _keys(objects) == []


def test_parts_that_stay_are_reported(
    objects: WatchedObjects, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _fail(monkeypatch, "abort")
    with caplog.at_level(logging.WARNING):
        _begin(IncomingUploads(objects, "id")).discard()
    assert "until the store removes them: made up" in caplog.text


@pytest.mark.parametrize(("size", "large"), [(None, True), (0, False), (PART, False), (PART + 1, True)])
def test_a_file_of_several_parts_or_of_unknown_size_is_large(size: int | None, *, large: bool) -> None:
    assert is_large(size) is large


def test_only_a_browser_may_store_a_file_and_need_not_ask_again() -> None:
    assert ATTRIBUTES["Content-Type"] == "application/octet-stream"
    control = set(ATTRIBUTES["Cache-Control"].split(", "))
    assert {"private", "immutable"} < control
    assert any(int(each.partition("=")[2]) >= 31_536_000 for each in control if each.startswith("max-age="))
