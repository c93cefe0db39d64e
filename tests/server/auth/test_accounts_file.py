"""The file of the accounts as it is loaded: what is taken from it, what is doubted, and what an admin is warned of."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from publisher.limits import LIMITS
from publisher.server.auth import htpasswd
from publisher.server.auth.account_table import SERVICE
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.htpasswd import SETTLED_AFTER, LoadedAccounts, Users
from publisher.server.storage.errors import StorageReadOnlyError
from publisher.server.storage.folder import FolderStorage

HASH = "$apr1$gdGqtD0R$CaPDW5MkgzVc/60k5JyBl0"
WEAK = "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="


class File:
    """An htpasswd file, and one process that loads it."""

    def __init__(self, folder: Path, **options: bool) -> None:
        self.path = folder / "htpasswd"
        self.files = FolderStorage(folder).files()
        self.users = Users(self.path, **options)

    def write(self, *lines: str, end: str = "\n") -> None:
        beside = self.path.with_name("beside")
        beside.write_text("\n".join(lines) + (end if lines else ""))
        beside.replace(self.path)

    def load(self, *lines: str, end: str = "\n") -> LoadedAccounts:
        self.write(*lines, end=end)
        return self.users.load(self.files)

    def refusal(self) -> str:
        with pytest.raises(AccountsUnavailableError) as caught:
            self.users.load(self.files)
        return caught.value.message


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_a_file_is_read_again_when_it_is_another_one(file: File) -> None:
    first = file.load(f"ada:{HASH}")
    assert set(first.table.entries) == {"ada"}
    assert file.users.load(file.files) is first
    second = file.load(f"bob:{HASH}")
    assert set(second.table.entries) == {"bob"}
    assert first.version != second.version
    file.users.forget()
    assert file.users.load(file.files) is not second


def test_a_first_load_is_settled_after_the_files_own_time_and_others_after_now(
    file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(htpasswd, "time", SimpleNamespace(time=lambda: 5000.0))
    first = file.load(f"ada:{HASH}")
    assert first.settled_at == pytest.approx(file.path.stat().st_mtime + SETTLED_AFTER)
    assert file.load(f"bob:{HASH}").settled_at == 5000.0 + SETTLED_AFTER


def test_a_file_that_was_there_is_missed_and_its_admin_is_warned_once(
    file: File, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert "is missing; ask its administrator" in file.refusal()
    assert caplog.messages == [f"the htpasswd file {file.path} is missing"]
    assert file.load(f"ada:{HASH}").doubtful is None
    file.path.unlink()
    file.refusal()
    assert len(caplog.messages) == 2


def test_a_volume_starts_without_a_file_until_it_had_an_account(tmp_path: Path) -> None:
    file = File(tmp_path, starts_without=True)
    new = file.users.load(file.files)
    assert (dict(new.table.entries), new.version, new.settled_at) == ({}, None, 0.0)
    file.load("# no account yet")
    file.path.unlink()
    assert file.users.load(file.files).version is None
    file.load(f"ada:{HASH}")
    file.path.unlink()
    assert "is missing" in file.refusal()


def test_a_file_that_is_too_large_is_not_used(
    file: File, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    size = len(f"ada:{HASH}\n")
    monkeypatch.setattr(htpasswd, "LIMITS", LIMITS._replace(accounts_file=size))
    assert file.load(f"ada:{HASH}").table.entries
    file.write(f"adam:{HASH}")
    file.refusal()
    assert caplog.messages == [f"the htpasswd file {file.path} can't be used: it is larger than {size} bytes"]


def test_a_file_that_can_not_be_read_is_not_used(
    file: File, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> Any:
        raise StorageReadOnlyError("The disk is gone.")

    file.write(f"ada:{HASH}")
    monkeypatch.setattr(type(file.files), "stat", fail)
    file.refusal()
    assert caplog.messages == [f"the htpasswd file {file.path} can't be used: The disk is gone."]


@pytest.mark.parametrize(
    ("lines", "end", "doubtful"),
    [
        ([f"bob:{HASH}"], "\n", None),
        ([f"bob:{HASH}"], "", None),
        ([], "\n", "is suddenly empty"),
        ([" "], "\n", "is suddenly empty"),
        ([f"bob:{HASH}", f"carol:{HASH[:9]}"], "", "ends in the middle of a line"),
        ([f"bob:{HASH}", f"carol:{HASH[:9]}"], "\n", None),
    ],
)
def test_a_mismatch_proves_nothing_while_a_file_looks_incomplete(
    file: File, caplog: pytest.LogCaptureFixture, lines: list[str], end: str, doubtful: str | None
) -> None:
    file.load(f"ada:{HASH}")
    assert file.load(*lines, end=end).doubtful == doubtful
    assert ([each for each in caplog.messages if "are locked" not in each] != []) is (doubtful is not None)


def test_an_empty_file_is_not_doubted_before_the_first_account(file: File) -> None:
    assert file.load().doubtful is None


def test_an_admin_learns_what_to_repair(file: File, caplog: pytest.LogCaptureFixture) -> None:
    file.load(f"ada:{HASH}", f"robot:{SERVICE}")
    assert caplog.messages == []
    file.load(f"ada:{WEAK}", f"bob:{WEAK}", "dan:*", "no colon", f":{HASH}", f"robot:{SERVICE}")
    assert [each.removeprefix(f"{file.path}: ").partition(":")[0] for each in caplog.messages] == [
        "1 accounts are locked",
        "2 accounts have weak hashes ({SHA}, DES crypt or clear text)",
        "2 invalid lines are ignored",
    ]
    assert caplog.messages[-1].endswith("(4, 5)")
    assert not any(HASH in each or WEAK in each for each in caplog.messages)
