"""Owned names of a bucket, with and without a list outside it."""

import json
from pathlib import Path

import pytest

from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.bucket.records import record_key
from publisher.server.store.ledger import Confirmation
from publisher.server.store.owned_names import StateLog
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.memory_bucket import Process, memory_index, running


def _log(path: Path) -> StateLog:
    return StateLog(FolderStorage(path.parent), path.name)


def _listed(path: Path) -> tuple[list[str], list[str]]:
    """Return the identifiers and the names in a list, in its order."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [each["id"] for each in lines if "id" in each], [each["name"] for each in lines if "name" in each]


@running
async def test_without_a_list_nothing_is_lost_and_nothing_to_confirm(tmp_path: Path) -> None:
    process = memory_index()
    await process.catalog.owned.start()
    assert process.catalog.unavailable_reason is None
    await process.upload(make_wheel(tmp_path, "acme"))
    process.objects.remove(record_key("acme"))
    assert await process.catalog.confirm_loss() is None
    process.age(3)
    assert await process.catalog.find("acme") is None


@running
async def test_a_list_is_begun_with_all_names_and_each_new_one_is_added_once(tmp_path: Path) -> None:
    process = memory_index()
    await process.upload(make_wheel(tmp_path, "before"))
    state = tmp_path / "names"
    listing = Process(process.objects.process(), _log(state))
    assert await listing.catalog.was_published("before")
    await listing.catalog.owned.start()
    assert listing.catalog.unavailable_reason is None
    assert _listed(state) == ([process.storage.identity.identifier], ["before"])
    for path in (make_wheel(tmp_path, "acme"), make_sdist(tmp_path, "acme"), make_wheel(tmp_path, "before", "2.0")):
        await listing.upload(path)
    assert _listed(state)[1] == ["before", "acme"]
    await process.upload(make_wheel(tmp_path, "elsewhere"))  # by a process without a list
    again = Process(process.objects.process(), _log(state))
    await again.catalog.owned.start()
    assert _listed(state) == ([process.storage.identity.identifier], ["before", "acme", "elsewhere"])
    again.orders.take()
    assert await again.catalog.was_published("acme")  # as the list says
    assert again.orders.take() == []
    assert not await again.catalog.was_published("other")


@running
async def test_the_same_bytes_again_are_noted_outside_the_bucket(tmp_path: Path) -> None:
    process, wheel = memory_index(), make_wheel(tmp_path, "acme")
    state = tmp_path / "names"
    listing = Process(process.objects.process(), _log(state))
    await listing.catalog.owned.start()
    await process.upload(wheel)
    await listing.upload(wheel)
    assert _listed(state)[1] == ["acme"]


@running
async def test_a_lost_name_stops_everything_until_the_loss_is_confirmed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "names"
    process = memory_index(_log(state))
    await process.catalog.owned.start()
    for name in ("acme", "other"):
        await process.upload(make_wheel(tmp_path, name))
    process.objects.remove(record_key("acme"))
    again = Process(process.objects.process(), _log(state))
    await again.catalog.owned.start()
    reason = again.catalog.unavailable_reason
    assert reason is not None
    assert "acme" in reason
    assert "confirm-loss" in reason
    assert caplog.text.count("confirm-loss") == 1
    assert not again.catalog.is_current()
    assert not again.catalog.is_current("other")
    assert await again.catalog.read_failure() == reason
    for look in (again.catalog.find, again.catalog.was_published, again.catalog.is_owned):
        with pytest.raises(StorageUnavailableError):
            await look("other")
    for change in (again.upload(make_wheel(tmp_path, "late")), again.changes.yank("other", "1.0", "", None)):
        with pytest.raises(StorageUnavailableError):
            await change
    assert await again.catalog.confirm_loss() == Confirmation(2, lost=True)
    assert again.catalog.unavailable_reason is None
    assert await again.filenames("other") == ["other-1.0-py3-none-any.whl"]
    assert await again.catalog.find("acme") is None
    assert await again.another().catalog.was_published("acme")  # an empty record owns the name
    assert await again.catalog.confirm_loss() == Confirmation(2, lost=False)


@running
async def test_a_loss_that_is_over_is_noticed_and_looked_for_at_intervals(tmp_path: Path) -> None:
    state = tmp_path / "names"
    process = memory_index(_log(state))
    await process.catalog.owned.start()
    await process.upload(make_wheel(tmp_path, "acme"))
    record = process.objects.read(record_key("acme"))
    assert record is not None
    process.objects.remove(record_key("acme"))
    again = Process(process.objects.process(), _log(state))
    await again.catalog.owned.start()
    process.objects.overwrite(record_key("acme"), record.data)  # restored
    again.orders.take()
    with pytest.raises(StorageUnavailableError):
        await again.catalog.find("acme")
    assert "walk projects" not in again.orders.take()  # it was looked at a moment ago
    again.catalog.owned._checked -= 60
    assert await again.filenames("acme") == ["acme-1.0-py3-none-any.whl"]
    again.catalog.owned._checked -= 60
    again.orders.take()
    await again.catalog.require_identity()
    assert "walk projects" not in again.orders.take()  # nothing is lost


@running
async def test_another_index_in_the_bucket_is_a_loss(tmp_path: Path) -> None:
    state = tmp_path / "names"
    first = memory_index(_log(state))
    await first.catalog.owned.start()
    await first.upload(make_wheel(tmp_path, "acme"))
    before = state.read_bytes()
    second = memory_index(_log(state))
    await second.catalog.owned.start()
    assert second.catalog.unavailable_reason is not None
    assert state.read_bytes() == before


@running
async def test_a_bucket_that_can_not_be_compared_yet_is_not_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "names"
    process = memory_index(_log(state))
    process.orders.failing["walk projects"] = StorageUnavailableError("the store is gone")
    await process.catalog.owned.start()
    reason = process.catalog.unavailable_reason
    assert reason is not None
    assert "could not be compared" in reason
    assert "the store is gone" in caplog.text
    assert not state.exists()
    with pytest.raises(StorageUnavailableError):
        await process.catalog.find("acme")
    process.orders.failing.clear()
    process.catalog.owned._checked -= 60
    assert await process.catalog.find("acme") is None
    assert process.catalog.unavailable_reason is None
