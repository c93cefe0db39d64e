"""The list of all projects of a bucket: when it is read, what is read, and which of two answers counts."""

import asyncio

import pytest

from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.store.bucket.listing import ProjectListing
from publisher.server.store.bucket.record import ProjectRecord
from publisher.server.store.bucket.records import ReadRecord, record_key
from tests.helpers.memory_bucket import Process, memory_index, metadata_of, running


def _write(process: Process, name: str, *versions: str) -> ReadRecord:
    """Write a record with files, not as a request of this process."""
    record = ProjectRecord(name).edited()
    for version in versions:
        record.add(f"{name}-{version}.tar.gz", "up", metadata_of())
    objects = process.objects.process()
    objects.overwrite(record_key(name), record.to_bytes())
    return ReadRecord(record, objects.stat(record_key(name)).version)


def _listing(process: Process) -> ProjectListing:
    return ProjectListing(process.catalog.project_records, process.catalog.workers)


@running
async def test_a_list_is_of_projects_with_files() -> None:
    process = memory_index()
    _write(process, "one", "1.0", "2.0")
    _write(process, "two", "1.0")
    _write(process, "empty")
    listing = _listing(process)
    assert (listing.names(), listing.file_count, listing.revision) == ([], 0, 0)
    assert not listing.is_recent()
    await listing.refresh()
    assert sorted(listing.names()) == ["one", "two"]
    assert listing.filenames("one") == ("one-1.0.tar.gz", "one-2.0.tar.gz")
    assert (listing.filenames("empty"), listing.filenames("other")) == ((), ())
    assert (listing.file_count, listing.revision) == (3, 2)


@running
async def test_its_revision_grows_when_a_project_comes_or_goes() -> None:
    process = memory_index()
    listing = _listing(process)
    revisions = []
    for found in (("one", "1.0"), ("one", "1.0", "2.0"), ("one",), ("one", "3.0")):
        listing.note("one", _write(process, *found))
        revisions.append(listing.revision)
    listing.note("one", None)
    listing.note("one", None)
    listing.note("one", ReadRecord(ProjectRecord("one"), None))
    assert [*revisions, listing.revision] == [1, 1, 2, 3, 4]


@running
async def test_only_what_changed_is_read_and_what_is_gone_goes() -> None:
    process = memory_index()
    for name in ("one", "two", "three"):
        _write(process, name, "1.0")
    listing = _listing(process)
    await listing.refresh()
    process.orders.take()
    _write(process, "two", "2.0")
    _write(process, "four", "1.0")
    process.objects.process().remove(record_key("three"))
    listing.distrust()
    await listing.refresh()
    assert sorted(process.orders.take()) == ["read projects/four.json", "read projects/two.json", "walk projects"]
    assert sorted(listing.names()) == ["four", "one", "two"]
    assert listing.filenames("two") == ("two-2.0.tar.gz",)


@pytest.mark.parametrize("gone", [False, True])
@running
async def test_what_was_read_or_written_meanwhile_is_newer_than_the_list(*, gone: bool) -> None:
    process = memory_index()
    _write(process, "acme", "1.0")
    listing = _listing(process)
    await listing.refresh()
    newer = _write(process, "acme", "1.0", "2.0")
    if gone:
        process.objects.process().remove(record_key("acme"))

    def note(request: str) -> None:
        if request.startswith("walk"):
            listing.note("acme", newer)

    process.orders.before = note
    listing.distrust()
    await listing.refresh()
    assert listing.filenames("acme") == ("acme-1.0.tar.gz", "acme-2.0.tar.gz")


@running
async def test_a_list_counts_for_two_seconds_and_longer_when_it_takes_long() -> None:
    listing = _listing(memory_index())
    await listing.refresh()
    listing._cost = 0.1
    listing._read.began -= 1.9
    assert listing.is_recent()
    listing._read.began -= 0.2
    assert not listing.is_recent()
    listing._cost = 0.5  # five seconds, then
    assert listing.is_recent()
    listing._read.began -= 2.8
    assert listing.is_recent()
    listing._read.began -= 0.3
    assert not listing.is_recent()


@running
async def test_many_that_ask_at_a_time_share_one_list() -> None:
    process = memory_index()
    listing = _listing(process)
    await asyncio.gather(*(listing.refresh() for _ in range(10)))
    assert process.orders.take().count("walk projects") <= 2
    assert 0 <= listing._cost < 5


@pytest.mark.parametrize("request_", ["walk projects", "read projects/acme"])
@running
async def test_a_list_that_can_not_be_read_is_no_shorter_list(request_: str) -> None:
    process = memory_index()
    _write(process, "other", "1.0")
    listing = _listing(process)
    await listing.refresh()
    _write(process, "acme", "1.0")
    listing.distrust()
    process.orders.failing[request_] = StorageUnavailableError()
    with pytest.raises(StorageUnavailableError):
        await listing.refresh()
    assert not listing.is_recent()
    assert listing.names() == ["other"]


@running
async def test_a_record_that_goes_while_the_list_is_read_is_none() -> None:
    process = memory_index()
    _write(process, "acme", "1.0")

    def remove(request: str) -> None:
        if request == "read projects/acme.json":
            process.objects.process().remove(record_key("acme"))

    process.orders.before = remove
    listing = _listing(process)
    await listing.refresh()
    assert (listing.names(), listing.revision) == ([], 0)
