"""Records of projects: their fields, their keys, what is refused, and writers of one record at a time."""

import asyncio
import json
from typing import Any

import pytest

from publisher.server.storage.errors import AbsentError, StorageUnavailableError
from publisher.server.store.bucket import records
from publisher.server.store.bucket.record import ProjectRecord, RecordEditor, keys_of, parse_record, upload_key
from publisher.server.store.bucket.records import project_of, record_key
from tests.helpers.memory_bucket import Process, memory_index, metadata_of, running

NAME = "acme-1.0-py3-none-any.whl"


def _edited(*names: str, **more: Any) -> RecordEditor:
    record = ProjectRecord("acme").edited()
    for name in names or (NAME,):
        record.add(name, "up", metadata_of(7, "ab", requires_python=">=3.9", metadata_sha256="cd"), **more)
    return record


def _again(record: ProjectRecord) -> ProjectRecord:
    return parse_record("acme", record.to_bytes())


def test_a_file_is_what_was_added() -> None:
    record = _again(_edited(signature=True, folder="below/"))
    assert list(record.files) == [NAME]
    assert record.metadata(NAME) == metadata_of(7, "ab", requires_python=">=3.9", metadata_sha256="cd")
    assert record.key(NAME) == f"files/acme/up/{NAME}" == upload_key("acme", "up", NAME)
    assert record.url_path(NAME) == f"below/{NAME}"
    assert record.yanked(NAME) is None
    assert list(record.keys()) == [record.key(NAME), f"{record.key(NAME)}.asc", f"{record.key(NAME)}.metadata"]


def test_what_is_unset_is_not_written() -> None:
    record = ProjectRecord("acme").edited()
    record.add(NAME, "up", metadata_of(0, ""), signature=None, folder="")
    written = json.loads(record.to_bytes())
    assert written["files"][NAME] == {
        "upload": "up",
        "mtime_ns": 0,
        "size": 0,
        "uploaded": "2026-01-01T00:00:00.000000Z",
    }
    assert (written["v"], written["name"], written["serial"]) == (1, "acme", 1)
    assert record.url_path(NAME) == NAME
    assert list(record.keys()) == [record.key(NAME)]


@pytest.mark.parametrize(
    ("entry", "endings"),
    [
        ({}, [""]),
        ({"signature": True}, ["", ".asc"]),
        ({"metadata_sha256": "x"}, ["", ".metadata"]),
        ({"signature": False, "metadata_sha256": ""}, [""]),
    ],
)
def test_keys_are_those_of_an_entry(entry: dict[str, Any], endings: list[str]) -> None:
    assert list(keys_of("k", entry)) == [f"k{ending}" for ending in endings]


def test_a_change_is_made_to_the_next_version_alone() -> None:
    first = _again(_edited())
    edited = first.edited()
    edited.yank(NAME, {"reason": "broken"})
    edited.add_maintainer("ada", {"by": "ada"})
    assert (first.serial, edited.serial) == (1, 2)
    assert first.yanked(NAME) is None
    assert first.maintainers == {}
    assert edited.yanked(NAME) == "broken"
    assert dict(edited.maintainers) == {"ada": {"by": "ada"}}
    edited.unyank(NAME)
    edited.unyank(NAME)  # twice changes nothing
    assert edited.yanked(NAME) is None
    edited.remove_maintainer("ada")
    edited.remove_maintainer("bob")
    assert edited.maintainers == {}


def test_a_yank_without_a_reason_is_one() -> None:
    record = _edited()
    record.yank(NAME, {"by": "ada"})
    assert record.yanked(NAME) == ""


def test_a_deleted_name_is_reserved_until_it_is_given_again() -> None:
    record = _edited(NAME, "acme-2.0.tar.gz")
    record.delete(NAME, {"by": "ada"})
    assert list(record.files) == ["acme-2.0.tar.gz"]
    assert dict(record.deleted) == {NAME: {"by": "ada"}}
    record.forget("acme-2.0.tar.gz")
    assert (dict(record.files), list(record.deleted)) == ({}, [NAME])
    record.add(NAME, "up", metadata_of())
    assert record.deleted == {}
    record.reserve("acme-3.0.tar.gz", {})
    assert list(_again(record).deleted) == ["acme-3.0.tar.gz"]


def test_the_last_changes_are_known_by_their_numbers() -> None:
    record, made = ProjectRecord("acme"), {}
    assert record.change(0) is None
    for number in range(1, 20):
        record = _again(record.edited())
        made[number] = record.change(number)
    assert len(set(made.values())) == 19
    assert None not in made.values()
    assert {number: record.change(number) for number in range(22)} == {
        **dict.fromkeys((0, 1, 2, 3, 20, 21)),
        **{number: made[number] for number in range(4, 20)},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"v": 2},
        {"v": "x"},
        {"name": None},
        {"files": {NAME: {}}},
        {"files": {NAME: {"upload": "up"}}},
        {"files": {NAME: "x"}},
        {"files": []},
        {"changes": 5},
    ],
)
def test_a_record_that_is_not_understood_is_no_record(change: dict[str, Any]) -> None:
    document = {**json.loads(_edited().to_bytes()), **change}
    if document["files"] == []:
        document["files"] = [NAME]
    with pytest.raises(StorageUnavailableError, match="The record of acme can't be understood"):
        parse_record("acme", json.dumps(document).encode())


@pytest.mark.parametrize("missing", ["v", "name"])
def test_a_record_without_its_head_is_no_record(missing: str) -> None:
    document = json.loads(_edited().to_bytes())
    del document[missing]
    with pytest.raises(StorageUnavailableError):
        parse_record("acme", json.dumps(document).encode())


def test_an_older_record_without_sections_has_none() -> None:
    record = parse_record("acme", b'{"v": 1, "name": "acme", "serial": 3}')
    assert (record.files, record.deleted, record.maintainers, record.serial) == ({}, {}, {}, 3)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("projects/acme.json", "acme"),
        ("projects/a.b.json", "a.b"),
        ("projects/acme", None),
        ("projects/acme.txt", None),
        ("projects/below/acme.json", None),
        ("projects/.json", None),
        ("acme.json", None),
    ],
)
def test_a_key_is_a_projects_record(key: str, name: str | None) -> None:
    assert project_of(key) == name
    if name is not None:
        assert record_key(name) == key


def _maintain(account: str) -> records.Change:
    def change(record: RecordEditor) -> bool:
        record.add_maintainer(account, {})
        return True

    return change


@running
async def test_an_unchanged_record_is_not_read_again_nor_written() -> None:
    process = memory_index()
    mine = process.catalog.project_records
    with pytest.raises(AbsentError):
        mine.read("acme")
    empty = await mine.find("acme")
    assert (empty.version, empty.record.serial) == (None, 0)
    assert (await mine.change("acme", lambda _: False)).version is None
    assert process.keys("projects") == []
    written = await mine.change("acme", _maintain("ada"))
    assert written.version is not None
    assert mine.read("acme", written.version) is None
    assert (await mine.change("acme", lambda _: False)).version == written.version
    found = mine.read("acme")
    assert found is not None
    assert (found.version, found.record.serial) == (written.version, 1)
    assert list(mine.versions()) == [("acme", written.version)]


def _interfere(process: Process, times: int) -> None:
    """Let another process change the record before each of so many writes."""
    other, left = process.another(), [times]

    def be_faster(request: str) -> None:
        if request.endswith("projects/acme.json") and not request.startswith("read") and left[0]:
            left[0] -= 1
            asyncio.run(other.catalog.project_records.change("acme", _maintain(f"other-{left[0]}")))

    process.orders.before = be_faster


@running
async def test_no_change_of_two_writers_is_lost() -> None:
    process = memory_index()
    _interfere(process, 3)
    written = await process.catalog.project_records.change("acme", _maintain("ada"))
    assert set(written.record.maintainers) == {"ada", "other-0", "other-1", "other-2"}
    assert written.record.serial == 4


@running
async def test_a_writer_that_is_never_fast_enough_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    process = memory_index()
    monkeypatch.setattr(records, "CHANGE_PATIENCE", 0.02)
    _interfere(process, 1000)
    with pytest.raises(StorageUnavailableError, match="Too many others"):
        await process.catalog.project_records.change("acme", _maintain("ada"))
    process.orders.before = lambda _: None
    await process.catalog.project_records.change("acme", _maintain("ada"))  # its turn was given back


@running
async def test_writers_of_one_process_take_turns() -> None:
    process = memory_index()
    changes = [process.catalog.project_records.change("acme", _maintain(f"{number}")) for number in range(8)]
    await asyncio.gather(*changes)
    assert [each for each in process.orders.take() if each.endswith("acme.json") and "read" not in each] == [
        "create projects/acme.json",
        *["replace projects/acme.json"] * 7,
    ]


def test_maintainers_are_in_the_records() -> None:
    process = memory_index()
    maintainers, files = process.catalog.records, process.storage.files()
    assert maintainers.maintainers(files, "acme") == frozenset()
    for account in ("ada", "bob"):
        maintainers.add_maintainer(files, "acme", account, {"by": "ada"})
    assert maintainers.maintainers(files, "acme") == {"ada", "bob"}
    before = process.keys()
    maintainers.remove_maintainer(files, "acme", "eve")
    _interfere(process, 1)
    maintainers.remove_maintainer(files, "acme", "bob")
    _interfere(process, 1)
    maintainers.add_maintainer(files, "acme", "eve", {})
    assert maintainers.maintainers(files, "acme") == {"ada", "other-0", "eve"}
    assert process.keys() == before
    process.objects.create("projects/notes.txt", b"x")
    assert maintainers.marked(files) == ["acme"]


def test_removing_no_maintainer_writes_nothing() -> None:
    process = memory_index()
    process.catalog.records.add_maintainer(process.storage.files(), "acme", "ada", {})
    process.orders.take()
    process.catalog.records.remove_maintainer(process.storage.files(), "acme", "bob")
    assert [each.split()[0] for each in process.orders.take()] == ["read"]
