"""The catalog of a bucket: requests to the store, the age of answers, and the bound of memory."""

import asyncio
from pathlib import Path

import pytest

from publisher.server.storage.errors import AbsentError, StorageUnavailableError, StorageWriteError
from publisher.server.store.bucket import catalog as catalog_module
from publisher.server.store.bucket.records import record_key
from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.memory_bucket import Process, memory_index, running

IDENTITY, RECORD = "read index.json", "read projects/acme.json"


async def _published(tmp_path: Path, *versions: str) -> Process:
    process = memory_index()
    for version in versions or ("1.0",):
        await process.upload(make_wheel(tmp_path, "acme", version))
    process.orders.take()
    return process


@running
async def test_a_known_project_takes_no_request_for_two_seconds(tmp_path: Path) -> None:
    process = (await _published(tmp_path)).another()
    assert await process.filenames("acme") == ["acme-1.0-py3-none-any.whl"]
    process.orders.take()
    process.age(1.9)
    assert process.catalog.is_current("acme")
    assert await process.filenames("acme") == ["acme-1.0-py3-none-any.whl"]
    assert process.orders.take() == []
    process.age(0.2)
    assert not process.catalog.is_current("acme")
    assert await process.filenames("acme") == ["acme-1.0-py3-none-any.whl"]
    assert process.orders.take() == [IDENTITY, RECORD]
    assert process.catalog.is_current("acme")


@running
async def test_an_unknown_name_costs_one_look_at_its_record_however_many_ask(tmp_path: Path) -> None:
    process = await _published(tmp_path)
    found = await asyncio.gather(*(process.catalog.find("nothing") for _ in range(20)))
    assert found == [None] * 20
    requests = process.orders.take()
    assert requests.count("read projects/nothing.json") == 1
    assert set(requests) <= {"read projects/nothing.json", IDENTITY}
    assert len(requests) <= 3
    assert process.catalog.project("nothing") is None
    assert process.catalog._looks == {}


@running
async def test_what_is_unchanged_is_not_taken_over_again(tmp_path: Path) -> None:
    process = (await _published(tmp_path)).another()
    first = await process.catalog.find("acme")
    assert first is not None
    revision, files = first.revision, first.files
    process.age(3)
    again = await process.catalog.find("acme")
    assert again is first
    assert (again.revision, again.files) == (revision, files)
    assert again.files is files


@running
async def test_a_change_elsewhere_is_a_new_revision(tmp_path: Path) -> None:
    process = await _published(tmp_path)
    other = process.another()
    first = await other.catalog.find("acme")
    assert first is not None
    revision = first.revision
    await process.upload(make_sdist(tmp_path, "acme"))
    assert await other.filenames("acme") == ["acme-1.0-py3-none-any.whl"]  # within its two seconds
    other.age(2.1)
    assert await other.filenames("acme") == ["acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz"]
    assert first.revision > revision


@running
async def test_a_record_that_is_gone_is_a_project_that_is_gone(tmp_path: Path) -> None:
    process = await _published(tmp_path)
    other = process.another()
    assert await other.filenames("acme")
    await other.catalog.refresh()
    revision = other.catalog.revision
    process.objects.remove(record_key("acme"))
    other.age(2.1)
    assert await other.catalog.find("acme") is None
    assert other.catalog.project("acme") is None
    assert other.catalog.names() == []
    assert other.catalog.file_count == 0
    assert other.catalog.revision == revision + 1
    assert other.catalog._loaded == 0


@running
async def test_a_project_without_files_is_none(tmp_path: Path) -> None:
    process = await _published(tmp_path)
    await process.changes.delete("acme", "1.0", None, "ada")
    for each in (process, process.another()):
        assert await each.catalog.find("acme") is None
        assert each.catalog.project("acme") is None
        assert await each.catalog.was_published("acme")


@running
async def test_a_listed_project_is_known_before_its_record_is_kept(tmp_path: Path) -> None:
    process = (await _published(tmp_path)).another()
    assert process.catalog.project("acme") is None
    await process.catalog.refresh()
    process.orders.take()
    project = process.catalog.project("acme")
    assert project is not None
    assert (project.name, project.files) == ("acme", None)
    assert process.catalog.known_files("acme") == {}
    assert not process.catalog.is_current("acme")
    peeked = await process.catalog.peek(project)
    assert list(peeked) == ["acme-1.0-py3-none-any.whl"]
    assert process.catalog.known_files("acme") == {}  # nothing is kept for a look
    assert process.orders.take() == [RECORD]
    assert list(await process.catalog.files(project)) == ["acme-1.0-py3-none-any.whl"]
    assert list(process.catalog.known_files("acme")) == ["acme-1.0-py3-none-any.whl"]
    assert await process.catalog.peek(project) is project.files
    assert project is process.catalog.project("acme")


@running
async def test_files_of_a_project_that_has_gone_meanwhile_are_none(tmp_path: Path) -> None:
    process = (await _published(tmp_path)).another()
    await process.catalog.refresh()
    project = process.catalog.project("acme")
    assert project is not None
    process.objects.remove(record_key("acme"))
    assert await process.catalog.peek(project) == {}
    assert await process.catalog.files(project) == {}


@running
async def test_a_listed_file_is_known_by_its_whole_name(tmp_path: Path) -> None:
    process = (await _published(tmp_path)).another()
    await process.catalog.refresh()
    for filename, known in {
        "acme-1.0-py3-none-any.whl": True,
        "acme-1.1-py3-none-any.whl": False,
        "acme-1.0.tar.gz": False,
        "other-1.0-py3-none-any.whl": False,
        "acme": False,
        "": False,
    }.items():
        assert process.catalog.has_file(filename) is known
    (place,) = process.catalog.locations()
    assert place == (str(process.catalog.spool_folder), "acme-1.0-py3-none-any.whl", "acme-1.0-py3-none-any.whl")


@running
async def test_the_list_is_read_when_it_is_two_seconds_old_and_only_where_records_changed(tmp_path: Path) -> None:
    writer = await _published(tmp_path)
    await writer.upload(make_wheel(tmp_path, "other"))
    process = writer.another()
    assert not process.catalog.is_current()
    await process.catalog.refresh()
    assert sorted(process.catalog.names()) == ["acme", "other"]
    assert process.catalog.is_current()
    assert sorted(each for each in process.orders.take() if "json" in each and "index" not in each) == [
        RECORD,
        "read projects/other.json",
    ]
    await process.catalog.refresh()
    assert process.orders.take() == []
    await writer.upload(make_sdist(tmp_path, "other"))
    process.catalog._listing._cost = 0
    process.age(2.1)
    assert not process.catalog.is_current()
    await process.catalog.rescan()
    assert process.orders.take() == [IDENTITY, "walk projects", "read projects/other.json"]
    assert process.catalog.file_count == 3


@running
async def test_after_a_reload_nothing_is_believed(tmp_path: Path) -> None:
    process = await _published(tmp_path)
    await process.catalog.refresh()
    process.orders.take()
    await process.catalog.reread()
    assert process.orders.take() == ["walk projects"]
    assert not process.catalog.is_current("acme")
    assert await process.filenames("acme")
    assert RECORD in process.orders.take()


@running
async def test_projects_that_were_not_asked_for_the_longest_leave_memory_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "LOADED_FILES", 3)
    process = memory_index()
    for name, count in (("one", 2), ("two", 1)):
        for number in range(count):
            await process.upload(make_wheel(tmp_path, name, f"{number}.0"))
    assert await process.filenames("one")
    assert process.catalog._loaded == 3
    await process.upload(make_wheel(tmp_path, "three"))  # the fourth file
    assert list(process.catalog._projects) == ["one", "three"]
    assert process.catalog._loaded == 3
    assert await process.filenames("two") == ["two-0.0-py3-none-any.whl"]
    assert list(process.catalog._projects) == ["three", "two"]
    for number in range(1, 6):
        await process.upload(make_wheel(tmp_path, "two", f"{number}.0"))
    assert list(process.catalog._projects) == ["two"]  # one may be larger than the bound
    assert process.catalog._loaded == 6


@running
async def test_a_project_that_grew_elsewhere_is_not_dropped_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_module, "LOADED_FILES", 3)
    process = memory_index()
    for name in ("one", "two"):
        await process.upload(make_wheel(tmp_path, name))
    other = process.another()
    for number in (2, 3):
        await other.upload(make_wheel(tmp_path, "one", f"{number}.0"))
    process.age(2.1)
    assert len(await process.filenames("one")) == 3
    assert list(process.catalog._projects) == ["one"]
    assert process.catalog._loaded == 3


@running
async def test_an_old_answer_does_not_make_a_newer_one_older(tmp_path: Path) -> None:
    process = await _published(tmp_path)
    project = await process.catalog.find("acme")
    assert project is not None
    newer = project.verified
    found = process.catalog.project_records.read("acme")
    assert found is not None
    process.catalog._apply("acme", found, newer - 10)
    assert project.verified == newer


@running
async def test_a_store_that_fails_is_no_answer(tmp_path: Path) -> None:
    process = await _published(tmp_path)
    process.orders.failing["read "] = StorageUnavailableError()
    process.age(3)
    assert not process.catalog.is_current("acme")
    for look in (process.catalog.find, process.catalog.find_before_change, process.catalog.was_published):
        with pytest.raises(StorageUnavailableError):
            await look("acme")
    with pytest.raises(StorageUnavailableError):
        await process.catalog.refresh()
    failure = await process.catalog.read_failure()
    assert failure is not None
    assert "can't be read" in failure
    process.orders.failing.clear()
    assert await process.catalog.read_failure() is None
    assert await process.filenames("acme")


@running
async def test_reserved_names_and_published_ones_are_owned(tmp_path: Path) -> None:
    process = memory_index(reserved=("team-*",))
    await process.upload(make_wheel(tmp_path, "acme"))
    for name, owned, published in (("acme", True, True), ("team-x", True, False), ("other", False, False)):
        assert (await process.catalog.is_owned(name), await process.catalog.was_published(name)) == (owned, published)
    assert await process.catalog.is_owned("pypi-publish")


@running
async def test_whether_the_bucket_can_be_written_is_tried_once_a_minute_and_once_a_second_after_a_failure() -> None:
    process = memory_index()
    probe = process.catalog._probe
    key = f".pypi-publish/probe-{process.storage.writer}"
    for _ in range(3):
        assert await process.catalog.write_failure() is None
    assert process.orders.take() == [f"overwrite {key}", f"remove {key}"]
    for failure, number in ((StorageWriteError("not allowed"), 13), (StorageUnavailableError("gone"), 5)):
        probe._next -= 60
        process.orders.failing["overwrite"] = failure
        for _ in range(2):
            found = await process.catalog.write_failure()
            assert found is not None
            assert (found.errno, found.strerror) == (number, str(failure))
        assert len(process.orders.take()) == 1
    process.orders.failing.clear()
    probe._next -= 1
    assert await process.catalog.write_failure() is None
    assert process.keys(".pypi-publish") == []


@running
async def test_a_copy_on_this_machine_goes_with_its_use(tmp_path: Path) -> None:
    process = memory_index()
    wheel = make_wheel(tmp_path, "acme")
    file = await process.upload(wheel)
    async with process.catalog.local_copy(file) as path:
        assert (path.name, path.read_bytes()) == (wheel.name, wheel.read_bytes())
    assert not path.parent.exists()
    process.orders.failing["download"] = StorageUnavailableError()
    for _ in range(10):  # a failure gives its place back
        with pytest.raises(StorageUnavailableError):
            async with process.catalog.local_copy(file):
                pass
    process.orders.failing["download"] = AbsentError()
    with pytest.raises(StorageUnavailableError, match="missing"):
        async with process.catalog.local_copy(file):
            pass
    process.orders.failing.clear()
    with pytest.raises(ZeroDivisionError):
        async with process.catalog.local_copy(file) as path:
            _ = 1 / 0
    assert not path.parent.exists()


@running
async def test_four_copies_are_made_at_a_time(tmp_path: Path) -> None:
    process = memory_index()
    file = await process.upload(make_wheel(tmp_path, "acme"))
    end, here = asyncio.Event(), []

    async def use() -> None:
        async with process.catalog.local_copy(file) as path:
            here.append(path)
            await end.wait()

    tasks = [asyncio.create_task(use()) for _ in range(6)]
    while len(here) < 4:  # noqa: ASYNC110 - they are made in threads
        await asyncio.sleep(0.001)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(here) == 4
    end.set()
    await asyncio.gather(*tasks)
    assert len(set(here)) == 6
    assert not any(path.exists() for path in here)
