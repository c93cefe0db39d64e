"""The identifier of an index in its bucket: made once, looked at again, and never guessed."""

import json
import time

import pytest

from publisher.errors import ConfigurationError, IndexUnavailableError
from publisher.server.storage.bucket.identity import (
    BucketIdentity,
    begin_identity,
    create_identity,
    finish_identity,
    open_identity,
    read_identifier,
)
from publisher.server.storage.errors import StorageError, StorageUnavailableError, StorageWriteError
from tests.helpers.memory_bucket import URL, WatchedObjects, memory_objects


@pytest.fixture
def objects() -> WatchedObjects:
    return memory_objects()


def _document(objects: WatchedObjects, key: str = "index.json") -> dict[str, object]:
    found = objects.read(key)
    assert found is not None
    document: dict[str, object] = json.loads(found.data)
    return document


def test_an_index_is_made_once_in_an_empty_place(objects: WatchedObjects) -> None:
    identifier = create_identity(objects, URL)
    document = _document(objects)
    assert (document["v"], document["id"]) == (1, identifier)
    assert isinstance(document["created"], int)
    assert abs(document["created"] - time.time()) < 60
    assert read_identifier(objects) == identifier
    assert open_identity(objects, URL).identifier == identifier
    for make in (create_identity, begin_identity):
        with pytest.raises(ConfigurationError, match="There is an index at memory://index already"):
            make(objects, URL)
    assert _document(objects) == document
    assert create_identity(memory_objects(), URL) != identifier


def test_an_index_is_not_made_beside_other_objects(objects: WatchedObjects) -> None:
    objects.create("some/object", b"x")
    for make in (create_identity, begin_identity):
        with pytest.raises(ConfigurationError, match="is not empty") as refused:
            make(objects, URL)
        assert "Choose a prefix" in str(refused.value.hint)
    assert [key for key, _ in objects.walk("")] == ["some/object"]


def test_of_two_that_make_an_index_one_succeeds(objects: WatchedObjects) -> None:
    other = objects.process()
    objects.orders.before = lambda request: create_identity(other, URL) if request.startswith("create") else None  # type: ignore[assignment]
    with pytest.raises(ConfigurationError, match="already"):
        create_identity(objects, URL)


@pytest.mark.parametrize("failure", [StorageUnavailableError("gone"), StorageWriteError("not allowed")])
@pytest.mark.parametrize("request_", ["walk", "create"])
def test_a_bucket_that_fails_is_no_place_for_an_index(
    objects: WatchedObjects, failure: StorageError, request_: str
) -> None:
    objects.orders.failing[request_] = failure
    for make in (create_identity, begin_identity):
        with pytest.raises(IndexUnavailableError, match=f"can't be used: {failure}"):
            make(objects, URL)


def test_the_stores_own_words_are_the_reason(objects: WatchedObjects) -> None:
    failure = StorageUnavailableError()
    failure.__cause__ = OSError("connection refused\nand a traceback")
    objects.orders.failing["read"] = failure
    with pytest.raises(IndexUnavailableError) as refused:
        open_identity(objects, URL)
    assert str(refused.value).endswith("can't be read: connection refused")


def test_without_an_index_the_command_that_makes_one_is_named(objects: WatchedObjects) -> None:
    with pytest.raises(IndexUnavailableError, match="No index found at memory://index") as refused:
        open_identity(objects, URL)
    assert refused.value.hint == f"Create one: pypi-publish storage create {URL}"
    assert list(objects.walk("")) == []


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"null", b'"id"'])
def test_an_identifier_that_is_not_understood_is_unknown(objects: WatchedObjects, data: bytes) -> None:
    objects.create("index.json", data)
    with pytest.raises(StorageUnavailableError, match="can't be understood"):
        read_identifier(objects)
    with pytest.raises(IndexUnavailableError):
        open_identity(objects, URL)
    with pytest.raises(IndexUnavailableError):
        create_identity(objects, URL)
    found = objects.read("index.json")
    assert found is not None
    assert found.data == data


def test_a_look_counts_for_two_seconds_for_what_is_there(objects: WatchedObjects) -> None:
    identity = BucketIdentity(objects, create_identity(objects, URL))
    objects.orders.take()
    assert not identity.is_recent()
    for _ in range(3):
        identity.require()
    assert objects.orders.take() == ["read index.json"]
    assert identity.is_recent()
    identity._seen -= 1.9
    assert identity.is_recent()
    identity._seen -= 0.2
    assert not identity.is_recent()
    identity.require()
    assert objects.orders.take() == ["read index.json"]


def test_an_absent_file_needs_a_newer_look(objects: WatchedObjects) -> None:
    identity = BucketIdentity(objects, create_identity(objects, URL))
    before = time.monotonic()
    identity.require()
    objects.orders.take()
    identity.require(before)
    assert objects.orders.take() == []
    identity.require(time.monotonic())
    assert objects.orders.take() == ["read index.json"]


@pytest.mark.parametrize("data", [None, b'{"v": 1, "id": "another"}', b"{"])
def test_a_bucket_of_another_index_is_unknown(objects: WatchedObjects, data: bytes | None) -> None:
    identity = BucketIdentity(objects, create_identity(objects, URL))
    identity.require()
    kept = objects.read("index.json")
    assert kept is not None
    objects.remove("index.json")
    if data is not None:
        objects.create("index.json", data)
    identity.require()  # as of a moment ago
    with pytest.raises(StorageUnavailableError):
        identity.require(time.monotonic())
    if data != b"{":
        assert not identity.is_recent()
    objects.overwrite("index.json", kept.data)
    identity.require(time.monotonic())
    assert identity.is_recent()


def test_a_copy_goes_on_and_is_an_index_at_its_end(objects: WatchedObjects) -> None:
    first = begin_identity(objects, URL)
    objects.create("files/a", b"x")
    again = begin_identity(objects, URL)
    assert again.identifier == first.identifier
    again.require()
    with pytest.raises(IndexUnavailableError, match="No index found"):
        open_identity(objects, URL)
    with pytest.raises(ConfigurationError, match="not empty"):
        create_identity(objects, URL)
    finish_identity(objects, again)
    assert open_identity(objects, URL).identifier == first.identifier
    assert sorted(key for key, _ in objects.walk("")) == ["files/a", "index.json"]
    with pytest.raises(StorageUnavailableError):
        first.require(time.monotonic())
    finish_identity(objects, again)  # when the answer to the last request was lost
    assert read_identifier(objects) == first.identifier


def test_a_copy_whose_end_was_interrupted_is_complete(objects: WatchedObjects) -> None:
    identity = begin_identity(objects, URL)
    objects.orders.failing["remove"] = StorageUnavailableError()
    with pytest.raises(StorageUnavailableError):
        finish_identity(objects, identity)
    objects.orders.failing.clear()
    with pytest.raises(ConfigurationError, match="already"):
        begin_identity(objects, URL)
    assert [key for key, _ in objects.walk("")] == ["index.json"]
