"""Copies of small files: when they are read again, and when they count no longer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from publisher.server.auth import fresh_copy
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.fresh_copy import CopyTimes, FreshCopy
from publisher.server.auth.oidc.registry import KEY as PUBLISHERS
from publisher.server.auth.oidc.registry import PublisherRegistry
from publisher.server.auth.oidc.signing_keys import KEY as SIGNING_KEYS
from publisher.server.auth.oidc.signing_keys import SigningKeys
from publisher.server.auth.principal import Grant, Right
from publisher.server.auth.revocations import Revocations
from publisher.server.auth.sessions.keys import SessionKeys
from publisher.server.auth.tokens.changes import TokenChanges
from publisher.server.auth.tokens.records import KEY as TOKENS
from publisher.server.siblings.news import NoNews
from publisher.server.storage.folder import FolderStorage


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(fresh_copy, "time", found)
    return found


@dataclass
class Copied:
    """A copy of the file ``list`` with the default times, and the number of its changes."""

    folder: Path
    changes: int = 0

    def __post_init__(self) -> None:
        self.storage = FolderStorage(self.folder)
        self.copy = FreshCopy(self.storage, "list", self.read, on_change=self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def read(self, data: bytes | None) -> str:
        return "nothing" if data is None else str(json.loads(data)["text"])

    def write(self, text: str) -> None:
        (self.folder / "list").write_text(json.dumps({"text": text}))

    def get(self, fresh: float | None = None) -> str:
        return asyncio.run(self.copy.get(fresh))

    def break_file(self) -> None:
        """Put a folder where the file is, which can't be read."""
        (self.folder / "list").unlink()
        (self.folder / "list").mkdir()


@pytest.fixture
def copied(tmp_path: Path, clock: Clock) -> Copied:  # noqa: ARG001 - the clock has to be set first
    found = Copied(tmp_path)
    found.write("first")
    assert found.copy.recent() is None, "it was never read"
    assert found.get() == "first"
    return found


def test_a_copy_is_used_for_five_seconds_and_read_again_then(copied: Copied, clock: Clock) -> None:
    copied.write("second")
    assert copied.copy.fresh_until == 1005.0
    clock.now = 1005.0
    assert (copied.copy.recent(), copied.get()) == ("first", "first")
    clock.now = 1005.1
    assert copied.copy.recent() is None
    assert copied.get() == "second"
    assert copied.copy.recent() == "second"
    assert copied.copy.fresh_until == 1010.1


def test_a_younger_copy_can_be_asked_for(copied: Copied, clock: Clock) -> None:
    copied.write("second")
    clock.now = 1001.0
    assert copied.get(1.0) == "first"
    assert copied.get(0.5) == "second"


def test_a_copy_that_cannot_be_read_again_counts_for_a_minute(copied: Copied, clock: Clock) -> None:
    copied.break_file()
    for now in (1005.1, 1060.0):
        clock.now = now
        assert copied.get() == "first"
        assert copied.copy.recent() is None
    clock.now = 1060.1
    with pytest.raises(AccountsUnavailableError):
        copied.get()
    (copied.folder / "list").rmdir()
    assert copied.get() == "nothing", "a file that is gone is no failure"


def test_a_first_read_that_fails_is_no_empty_file(tmp_path: Path) -> None:
    copied = Copied(tmp_path)
    (tmp_path / "list").mkdir()
    with pytest.raises(AccountsUnavailableError):
        copied.get()


def test_changes_are_reported_when_the_contents_are_others_or_may_be(copied: Copied, clock: Clock) -> None:
    assert copied.changes == 1
    clock.now += 6
    copied.get()
    assert copied.changes == 1, "the contents are the same"
    copied.write("second")
    clock.now += 6
    copied.get()
    assert copied.changes == 2
    copied.copy.forget()
    assert copied.changes == 3
    assert copied.copy.recent() is None
    copied.write("third")
    assert copied.get() == "third"


def test_forgetting_does_not_make_an_old_copy_younger(copied: Copied, clock: Clock) -> None:
    copied.break_file()
    clock.now = 1059.0
    copied.copy.forget()
    clock.now = 1060.1
    with pytest.raises(AccountsUnavailableError):
        copied.get()


def test_news_of_another_process_makes_a_copy_old(copied: Copied) -> None:
    news = NoNews()
    copied.storage.news = news
    copied.copy = FreshCopy(copied.storage, "list", copied.read)
    assert copied.get() == "first"
    copied.write("second")
    assert copied.copy.recent() == "first"
    news.stamp = 1
    assert copied.copy.recent() is None
    assert copied.get() == "second"
    assert copied.copy.recent() == "second"


def test_many_that_ask_at_a_time_share_a_read(tmp_path: Path) -> None:
    copied = Copied(tmp_path)
    parsed: list[bytes | None] = []

    def parse(data: bytes | None) -> str:
        parsed.append(data)
        return ""

    copy = FreshCopy(copied.storage, "list", parse, CopyTimes())

    async def ask() -> None:
        await asyncio.gather(*(copy.get() for _ in range(20)))

    asyncio.run(ask())
    assert parsed == [None]


DAMAGED = [b"{", b"[]", b'"x"', b"3", b'{"tokens": 3, "keys": 3, "publishers": 3, "x": "y", "ended": 3}']
READING = (Grant(frozenset({Right.READ})),)


def _revoke(storage: FolderStorage) -> Awaitable[object]:
    return Revocations(storage).revoke("one", 1e10)


def _remove(storage: FolderStorage) -> Awaitable[object]:
    return PublisherRegistry(storage).remove_of("ada")


def _sign(storage: FolderStorage) -> Awaitable[object]:
    return SigningKeys(storage).current()


def _end_sessions(storage: FolderStorage) -> Awaitable[object]:
    return SessionKeys(storage).end_all("ada")


def _create(storage: FolderStorage) -> Awaitable[object]:
    return TokenChanges(storage, lambda: None).create("ada", "ci", READING, expires=None, by="ada")


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("tokens/revoked", _revoke),
        (PUBLISHERS, _remove),
        (SIGNING_KEYS, _sign),
        ("sessions/state", _end_sessions),
        (TOKENS, _create),
    ],
)
def test_a_damaged_file_is_a_503_and_stays_as_it_is(
    tmp_path: Path, file: str, change: Callable[[FolderStorage], Awaitable[object]], damage: bytes
) -> None:
    """Neither an unexpected failure, nor a new file in place of the one that an admin may repair."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(damage)

    async def work() -> None:
        with pytest.raises(AccountsUnavailableError):
            await change(FolderStorage(tmp_path))

    asyncio.run(work())
    assert path.read_bytes() == damage


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_list_of_revoked_tokens_refuses_all_of_them(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "tokens" / "revoked"
    path.parent.mkdir()
    path.write_bytes(damage)
    with pytest.raises(AccountsUnavailableError):
        asyncio.run(Revocations(FolderStorage(tmp_path)).is_revoked("one"))
