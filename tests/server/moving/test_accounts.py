"""The data of accounts as they go from one storage to another."""

from pathlib import Path

import pytest

from publisher.server.moving.accounts import copy_accounts, copy_folder
from publisher.server.storage.folder import FolderFiles, FolderStorage


@pytest.fixture
def source(tmp_path: Path) -> FolderFiles:
    return _files(tmp_path / "source")


@pytest.fixture
def target(tmp_path: Path) -> FolderFiles:
    return _files(tmp_path / "target")


def _files(root: Path) -> FolderFiles:
    root.mkdir()
    return FolderStorage(root).files()


def _contents(files: FolderFiles, root: Path) -> dict[str, bytes]:
    """Return all files but those by which writers take turns."""
    keys = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    return {key: files.read(key) for key in keys if "/locks/" not in key}


@pytest.mark.parametrize(
    ("key", "there"),
    [
        ("users", "passwords"),
        ("users.access", "passwords.access"),
        ("access.toml", "access.toml"),
        ("tokens.json", "tokens.json"),
        ("tokens/revoked", "tokens/revoked"),
        ("trust/publishers.json", "trust/publishers.json"),
        ("trust/keys.json", "trust/keys.json"),
        ("sessions/keys.json", "sessions/keys.json"),
        ("sessions/anything", "sessions/anything"),
    ],
)
def test_each_file_is_copied_and_counted(
    source: FolderFiles, target: FolderFiles, tmp_path: Path, key: str, there: str
) -> None:
    source.create(key, b"new")
    assert copy_accounts(source, "users", target, "passwords") == 1
    assert _contents(target, tmp_path / "target") == {there: b"new"}
    target.replace(there, b"old, of an earlier try", target.stat(there).version)
    assert copy_accounts(source, "users", target, "passwords") == 1
    assert target.read(there) == b"new"


@pytest.mark.parametrize("key", ["other.json", "tokens/other", "trust/other.json", "users.state"])
def test_other_files_stay(source: FolderFiles, target: FolderFiles, tmp_path: Path, key: str) -> None:
    source.create(key, b"x")
    copy_accounts(source, "users", target, "users")
    assert _contents(target, tmp_path / "target") == {}


def test_nothing_is_copied_from_an_empty_place(source: FolderFiles, target: FolderFiles, tmp_path: Path) -> None:
    assert copy_accounts(source, "users", target, "users") == 0
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize("log", ["tokens.used", "audit/2026-01-01"])
def test_a_log_gets_the_lines_that_it_lacks_in_their_order(source: FolderFiles, target: FolderFiles, log: str) -> None:
    source.append(log, b"one\ntwo\nthree\n")
    target.append(log, b"own\ntwo\n")
    for _ in range(2):
        assert copy_accounts(source, "users", target, "users") == 1
        assert list(target.lines(log)) == [b"own", b"two", b"one", b"three"]
    assert list(source.lines(log)) == [b"one", b"two", b"three"]


def test_a_log_of_many_writers_is_one_log(source: FolderFiles, target: FolderFiles, tmp_path: Path) -> None:
    source.append("audit/2026-01-01", b"one\n")
    source.append("audit/2026-01-01~/writer", b"two\n")
    source.append("audit/2026-01-02~/writer", b"three\n")
    assert copy_accounts(source, "users", target, "users") == 2
    assert sorted(target.lines("audit/2026-01-01")) == [b"one", b"two"]
    assert list(target.lines("audit/2026-01-02")) == [b"three"]
    assert sorted(_contents(target, tmp_path / "target")) == ["audit/2026-01-01", "audit/2026-01-02"]


def test_a_folder_is_copied_two_levels_deep_and_no_other_one(
    source: FolderFiles, target: FolderFiles, tmp_path: Path
) -> None:
    for key in ("public/claims/rich", "public/claims/attrs", "public/allowed/rich", "other/claims/rich"):
        source.create(key, key.encode())
    target.create("public/claims/rich", b"old")
    target.create("public/claims/own", b"stays")
    copy_folder(source, target, "public")
    copied = ("public/claims/rich", "public/claims/attrs", "public/allowed/rich")
    assert _contents(target, tmp_path / "target") == {
        **{key: key.encode() for key in copied},
        "public/claims/own": b"stays",
    }
