"""Records of a folder: metadata in lines, yanks, tombstones and maintainers in files, and what damage costs."""

import json
from pathlib import Path
from typing import Any

import pytest

from publisher.server.storage.folder import FolderFiles, FolderStorage
from publisher.server.store.ledger import (
    NAMES,
    NamesLedger,
    NewNames,
    create_identity,
    disagreement,
    read_identity,
    read_packages_ledger,
    read_state_ledger,
    state_lines,
    write_identity,
)
from publisher.server.store.records import Records, may_have_records, state_lease
from tests.helpers.memory_bucket import metadata_of

LOG = ".pypi-publish/facts/acme.jsonl"


@pytest.fixture
def files(tmp_path: Path) -> FolderFiles:
    return FolderStorage(tmp_path).files()


def test_metadata_comes_back_as_it_was_and_the_newest_counts(files: FolderFiles) -> None:
    records, origin = Records(), {"repository": "acme/widgets"}
    assert records.load(files, "acme") == {}
    first = metadata_of(1, "aa", requires_python=">=3.9", metadata_sha256="bb", uploader="ada", origin=origin)
    records.add(files, "acme", {"a": first, "b": metadata_of(2)})
    records.add(files, "acme", {"b": metadata_of(3)}, durable=True)
    assert Records().load(files, "acme") == {"a": first, "b": metadata_of(3)}
    assert Records().load(files, "other") == {}
    line = json.loads(files.lines(LOG)[1])
    assert set(line) == {"v", "filename", "size", "mtime_ns", "sha256", "uploaded"}  # what is unset takes no place


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"1", b'{"v": 2, "filename": "a"}', b'{"filename": "a"}', b'{"v": "x"}', b"\xff"]
)
def test_a_line_that_makes_no_sense_costs_only_itself(files: FolderFiles, line: bytes) -> None:
    records = Records()
    records.add(files, "acme", {"a": metadata_of(1)})
    files.append(LOG, line + b"\n")
    records.add(files, "acme", {"b": metadata_of(2)})
    assert records.load(files, "acme") == {"a": metadata_of(1), "b": metadata_of(2)}


@pytest.mark.parametrize(("extra", "rewritten"), [(65, False), (66, True)])
def test_a_record_that_grew_is_written_anew_and_newer_lines_stay(
    files: FolderFiles, extra: int, *, rewritten: bool
) -> None:
    records = Records()
    newer = b'{"v":2,"filename":"a","new":1}'
    files.append(LOG, newer + b"\n")
    for size in range(extra):
        records.add(files, "acme", {"a": metadata_of(size)})
    assert records.load(files, "acme") == {"a": metadata_of(extra - 1)}
    lines = list(files.lines(LOG))
    assert (len(lines) == 2) is rewritten
    assert lines[0] == newer
    assert records.load(files, "acme") == {"a": metadata_of(extra - 1)}


def test_yanks_and_tombstones_are_kept_apart(files: FolderFiles) -> None:
    records = Records()
    for name, kind, details in (
        ("a-1.0.tar.gz", "yanked", {"reason": "broken"}),
        ("a-2.0.tar.gz", "yanked", {}),
        ("a-3.0.tar.gz", "deleted", {"by": "ada"}),
    ):
        records.mark(files, ("acme", name), kind, details)
    state = records.state(files, "acme")
    assert dict(state.yanked) == {"a-1.0.tar.gz": "broken", "a-2.0.tar.gz": ""}
    assert dict(state.deleted) == {"a-3.0.tar.gz": ""}
    assert [name for name, _ in records.marks(files, "acme", "yanked")] == ["a-1.0.tar.gz", "a-2.0.tar.gz"]
    assert {name: json.loads(data) for name, data in records.marks(files, "acme", "deleted")} == {
        "a-3.0.tar.gz": {"v": 1, "by": "ada"}
    }
    for _ in range(2):
        records.unmark(files, ("acme", "a-1.0.tar.gz"), "yanked")
    assert list(records.state(files, "acme").yanked) == ["a-2.0.tar.gz"]
    assert dict(records.state(files, "other").yanked) == {}


@pytest.mark.parametrize("data", [b"{", b"[]", b"", b'{"v": 1}'])
def test_a_damaged_mark_counts_without_its_reason(files: FolderFiles, data: bytes) -> None:
    files.create(".pypi-publish/marks/acme/a-1.0.tar.gz.yanked", data)
    assert dict(Records().state(files, "acme").yanked) == {"a-1.0.tar.gz": ""}


@pytest.mark.parametrize("account", ["ada", "a/b", "ä b", ".hidden", "x.yanked"])
def test_maintainers_have_any_name(files: FolderFiles, account: str) -> None:
    records = Records()
    records.add_maintainer(files, "acme", account, {"by": "ada"})
    expected = frozenset() if account.startswith(".") else {account}  # names with a dot are never listed
    assert records.maintainers(files, "acme") == expected
    assert records.maintainers(files, "other") == frozenset()
    assert list(records.marked(files)) == ["acme"]
    records.remove_maintainer(files, "acme", account)
    assert records.maintainers(files, "acme") == frozenset()


def test_marks_survive_the_loss_of_their_folder(files: FolderFiles, tmp_path: Path) -> None:
    Records().mark(files, ("acme", "a"), "yanked", {"reason": "old"})
    records = Records()
    records.remember(files)
    records.mark(files, ("acme", "b"), "deleted", {})
    records.mark(files, ("acme", "c"), "yanked", {})
    records.unmark(files, ("acme", "c"), "yanked")
    for path in (tmp_path / ".pypi-publish" / "marks" / "acme").iterdir():
        path.unlink()
    Records().mark(files, ("acme", "a"), "yanked", {"reason": "by another process"})
    records.remake(files)
    state = Records().state(files, "acme")
    assert dict(state.yanked) == {"a": "by another process"}
    assert list(state.deleted) == ["b"]


def test_a_project_is_known_by_anything_that_is_recorded(files: FolderFiles) -> None:
    records = Records()
    records.add(files, "one", {"a": metadata_of()})
    records.mark(files, ("two", "a"), "deleted", {})
    files.append(".pypi-publish/facts/three.jsonl~/writer", b"{}\n")
    for name, known in {
        "one": True,
        "two": True,
        "three": True,
        "four": False,
        "a\0b": False,
        "x" * 300: False,
    }.items():
        assert records.knows(files, name) is known
    assert records.names(files) == {"one", "two", "three"}


@pytest.mark.parametrize(("length", "may"), [(248, True), (249, False)])
def test_a_name_may_be_as_long_as_a_file_can_be_named(length: int, *, may: bool) -> None:
    assert may_have_records("a" * length) is may
    assert may_have_records("ä" * (length // 2 + length % 2)) is may
    assert not may_have_records("a\0")
    assert state_lease("acme") != state_lease("other")


def test_an_identifier_is_set_once_and_completed(files: FolderFiles) -> None:
    assert read_identity(files) == (None, True)
    write_identity(files, "id", complete=False)
    assert read_identity(files) == ("id", False)
    write_identity(files, "id", complete=True)
    assert read_identity(files) == ("id", True)
    create_identity(files, "another")
    assert read_identity(files) == ("id", True)


@pytest.mark.parametrize("data", [b"{", b"[]", b"{}", b'{"id": "x"}'])
def test_an_identifier_that_is_not_understood_is_none(
    files: FolderFiles, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    files.create(".pypi-publish/identity", data)
    assert read_identity(files) == (None, True)
    assert "can't be read" in caplog.text


NAME_LINES: list[tuple[bytes, set[str]]] = [
    (b'{"v":1,"name":"acme"}', {"acme"}),
    (b'{"v": 1, "name": "acme"}', {"acme"}),
    (b'{"v":1,"name":"a\\u0063me"}', {"acme"}),
    (b'{"v":1,"name":"acme","by":"ada"}', {"acme"}),
    (b'{"v":1,"id":"x"}', set()),
    (b"[]", set()),
    (b'{"v":1,"name":"torn', set()),
]


@pytest.mark.parametrize(("line", "names"), NAME_LINES)
def test_names_are_read_from_lines_of_any_version(files: FolderFiles, line: bytes, names: set[str]) -> None:
    files.append(NAMES, line + b"\n")
    files.append("state", line + b"\n")
    assert read_packages_ledger(files).names == names
    assert read_state_ledger(files, "state").names == names


def test_a_list_has_the_last_identifier_and_all_names(files: FolderFiles) -> None:
    assert read_state_ledger(files, "state") == NamesLedger(None, frozenset())
    lines = state_lines("one", {"b", "a"})
    assert lines == b'{"v":1,"id":"one"}\n{"v":1,"name":"a"}\n{"v":1,"name":"b"}\n'
    files.append("state", lines)
    files.append("state", state_lines(None, ["c"]))
    files.append("state", state_lines("two", []))
    assert read_state_ledger(files, "state") == NamesLedger("two", frozenset("abc"))
    assert state_lines(None, []) == b""


def test_new_names_are_read_once(files: FolderFiles) -> None:
    new, names = NewNames(), {"known"}
    for name in ("a", "b"):
        files.append(NAMES, state_lines(None, [name]))
        new.add_to(names, files)
    assert names == {"known", "a", "b"}
    again: set[str] = set()
    new.add_to(again, files)
    assert again == set()


ALL = frozenset({"a", "b", "c", "d"})


@pytest.mark.parametrize(
    ("packages", "state", "reason"),
    [
        (NamesLedger(None, frozenset()), NamesLedger(None, ALL), None),
        (NamesLedger("x", ALL), NamesLedger("x", frozenset("a")), None),
        (NamesLedger(None, ALL), NamesLedger("x", ALL), "its identifier is missing"),
        (NamesLedger("x", ALL), NamesLedger(None, ALL), "the list of owned names is missing"),
        (NamesLedger("y", ALL), NamesLedger("x", ALL), "belongs to another index"),
        (NamesLedger("x", frozenset("abc")), NamesLedger("x", ALL), r"lost 1 projects that this index owns \(d\)"),
        (NamesLedger("x", frozenset()), NamesLedger("x", ALL), r"lost 4 projects that this index owns \(a, b, c\)"),
    ],
)
def test_two_ledgers_agree_or_the_reason_names_the_remedy(
    packages: NamesLedger, state: NamesLedger, reason: Any
) -> None:
    found = disagreement(packages, state)
    if reason is None:
        assert found is None
    else:
        assert found is not None
        assert "storage confirm-loss" in found
        with pytest.raises(ValueError, match=reason):
            raise ValueError(found)
