"""Leftovers of aborted uploads are removed after a day, and nothing else ever."""

import json

import pytest

from publisher.server.storage.bucket.files import BucketFiles
from publisher.server.storage.bucket.identity import open_identity
from publisher.server.storage.bucket.objects import Objects
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.bucket.leftovers import KEPT_SECONDS, Leftovers, read_state
from publisher.server.store.bucket.record import ProjectRecord, parse_record
from publisher.server.store.bucket.records import record_key
from publisher.server.store.metadata import FileMetadata
from tests.helpers.memory_bucket import memory_index

NAME = "acme-1.0.tar.gz"


class Clock(Leftovers):
    """The store's clock, which the test sets ahead: it says so of the objects that are written then, too."""

    ahead = 0.0

    def store_time(self) -> float:
        return super().store_time() + self.ahead


@pytest.fixture
def objects() -> Objects:
    return memory_index().objects


@pytest.fixture
def leftovers(objects: Objects) -> Clock:
    identity = open_identity(objects, "s3://test")
    return Clock(objects, BucketFiles(objects, identity), identity.identifier)


def _key(objects: Objects, upload: str, project: str = "acme") -> str:
    identifier = open_identity(objects, "s3://test").identifier
    return f"files/{project}/{identifier[:12]}-{upload}/{NAME}"


def _write_record(objects: Objects, serial: int, *uploads: str, project: str = "acme") -> None:
    record = ProjectRecord(project).edited()
    for number, upload in enumerate(uploads):
        name = NAME if not number else f"acme-{number}.5.tar.gz"
        record.add(name, upload, FileMetadata(1, 0, "00", "2026-01-01T00:00:00.000000Z"))
    document = json.loads(record.to_bytes())
    document["serial"] = serial
    objects.overwrite(record_key(project), json.dumps(document).encode())


def test_an_unlisted_upload_stays_a_day_from_when_it_was_first_seen(objects: Objects, leftovers: Clock) -> None:
    listed, left = _key(objects, "listed"), _key(objects, "left")
    foreign = f"files/acme/by-hand/{NAME}"
    for key in (listed, left, foreign, "files/loose"):
        objects.overwrite(key, b"x")
    _write_record(objects, 3, listed.split("/")[2])
    leftovers.ahead = 10 * KEPT_SECONDS  # old by its own time, but seen for the first time
    assert leftovers.clean() == []
    leftovers.ahead += KEPT_SECONDS - 60
    assert leftovers.clean() == []
    leftovers.ahead += 120
    assert leftovers.clean() == [left]
    assert {key for key, _ in objects.walk("files")} == {listed, foreign, "files/loose"}


def test_an_upload_that_was_written_just_now_stays_whatever_was_noted(objects: Objects, leftovers: Clock) -> None:
    key = _key(objects, "left")
    objects.overwrite(key, b"x")
    leftovers.clean()
    state = read_state(objects)
    state.unlisted[key] -= 3 * KEPT_SECONDS
    objects.overwrite("cleaning.json", state.to_bytes())
    assert leftovers.clean() == []
    assert read_state(objects).unlisted == state.unlisted


def test_an_upload_that_is_listed_meanwhile_stays(objects: Objects, leftovers: Clock) -> None:
    key = _key(objects, "slow")
    objects.overwrite(key, b"x")
    assert leftovers.clean() == []
    _write_record(objects, 1, key.split("/")[2])
    leftovers.ahead = 5 * KEPT_SECONDS
    assert leftovers.clean() == []
    assert read_state(objects).unlisted == {}


def test_nothing_goes_below_a_project_whose_record_cannot_be_read(objects: Objects, leftovers: Clock) -> None:
    broken, fine = _key(objects, "a", "broken"), _key(objects, "b", "fine")
    for key in (broken, fine):
        objects.overwrite(key, b"x")
    objects.overwrite(record_key("broken"), b"{")
    leftovers.clean()
    leftovers.ahead = 2 * KEPT_SECONDS
    assert leftovers.clean() == [fine]
    assert {key for key, _ in objects.walk("files")} == {broken}


def test_nothing_goes_after_a_restore_until_an_admin_has_looked(objects: Objects, leftovers: Clock) -> None:
    first, second = _key(objects, "first"), _key(objects, "second")
    for key in (first, second):
        objects.overwrite(key, b"x")
    _write_record(objects, 8, first.split("/")[2], second.split("/")[2])
    leftovers.clean()
    _write_record(objects, 7, first.split("/")[2])  # as it was before the second upload
    for _ in range(3):
        leftovers.ahead += 2 * KEPT_SECONDS
        assert leftovers.clean() == []
    assert read_state(objects).held
    assert leftovers.clean_checked() == []  # the day begins anew
    leftovers.ahead += KEPT_SECONDS - 60
    assert leftovers.clean_checked() == []
    leftovers.ahead += 120
    assert leftovers.clean() == [second]


def _change(objects: Objects, times: int) -> None:
    """Change a record a number of times, and nothing of its files."""
    record = parse_record("acme", _read(objects, record_key("acme")))
    for _ in range(times):
        record = record.edited()
    objects.overwrite(record_key("acme"), record.to_bytes())


def _read(objects: Objects, key: str) -> bytes:
    found = objects.read(key)
    assert found is not None
    return found.data


@pytest.mark.parametrize(
    ("more", "held"), [(0, True), (1, True), (2, True), (15, True), (16, True), (17, True), (18, False)]
)
def test_a_restore_is_noticed_after_more_changes(objects: Objects, leftovers: Clock, more: int, *, held: bool) -> None:
    _write_record(objects, 6, _key(objects, "first").split("/")[2])
    before = _read(objects, record_key("acme"))
    _change(objects, 2)
    leftovers.clean()
    objects.overwrite(record_key("acme"), before)  # whose number of changes is 6, and was 8
    _change(objects, more)
    leftovers.clean()
    assert read_state(objects).held == held


@pytest.mark.parametrize("times", [0, 1, 15, 16, 40])
def test_changes_are_no_restore(objects: Objects, leftovers: Clock, times: int) -> None:
    _write_record(objects, 1, _key(objects, "first").split("/")[2])
    leftovers.clean()
    _change(objects, times)
    leftovers.clean()
    assert not read_state(objects).held
    assert read_state(objects).serials == {"acme": 1 + times}


def test_a_record_of_an_older_version_is_no_restore(objects: Objects, leftovers: Clock) -> None:
    _write_record(objects, 4, _key(objects, "first").split("/")[2])
    document = json.loads(_read(objects, record_key("acme")))
    del document["changes"]
    objects.overwrite(record_key("acme"), json.dumps(document).encode())
    leftovers.clean()
    _change(objects, 3)
    leftovers.clean()
    assert not read_state(objects).held


def test_a_state_that_cannot_be_understood_stops_the_cleaning(objects: Objects, leftovers: Clock) -> None:
    objects.overwrite("cleaning.json", b"{")
    with pytest.raises(StorageUnavailableError):
        leftovers.clean()
    key = _key(objects, "left")
    objects.overwrite(key, b"x")
    assert leftovers.clean_checked() == []
    assert list(read_state(objects).unlisted) == [key]
