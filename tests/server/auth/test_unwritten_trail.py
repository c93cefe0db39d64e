"""Changes and their audit trail while that can't be written: none is acknowledged without its event."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from publisher.secret import Secret
from publisher.server.auth.audit import trail
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.principal import ANONYMOUS
from publisher.server.storage.folder import FolderStorage
from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.inside import serving_app

ADMIN = {"Authorization": "Bearer admin-token"}


def _events(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted((folder / "audit").rglob("*")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_a_change_without_its_event_is_refused_until_the_event_is_written(tmp_path: Path) -> None:
    """A repeated request finds the account made, and would be acknowledged with nothing on record."""
    with serving_app(tmp_path, {"admin_token": Secret("admin-token")}) as (url, _):
        ada = Client(url, ("ada", "correct horse"))
        (tmp_path / "audit").write_text("in the way")

        def register() -> requests.Response:
            body = {"username": "bob", "password": "long enough"}
            return requests.post(f"{url}register", json=body, headers=ADMIN, timeout=30)

        first = register()
        assert (first.status_code, "repeat the request" in first.text) == (503, True)
        again = register()
        assert (again.status_code, "nothing can be changed" in again.text) == (503, True)
        refused = ada.upload(make_wheel(tmp_path, "acme"))
        assert refused.status_code == 503
        assert list((tmp_path / "packages").glob("*.whl")) == [], "nothing more is changed before it can be recorded"
        assert ada.get("simple/").status_code == 200, "reading goes on"
        (tmp_path / "audit").unlink()
        assert register().json()["status"] == "unchanged"
        assert [(each["what"], each["account"]) for each in _events(tmp_path)] == [("account-created", "bob")]
        assert ada.upload(make_wheel(tmp_path, "acme")).status_code == 200
    assert [each["what"] for each in _events(tmp_path)] == ["account-created", "upload"]


def test_the_end_of_an_index_writes_what_waits(tmp_path: Path) -> None:
    with serving_app(tmp_path, {"admin_token": Secret("admin-token")}) as (url, _):
        (tmp_path / "audit").write_text("in the way")
        assert requests.delete(f"{url}users/ada", headers=ADMIN, timeout=30).status_code == 503
        (tmp_path / "audit").unlink()
    assert [(each["what"], each["account"]) for each in _events(tmp_path)] == [("account-removed", "ada")]


def test_waiting_events_are_bounded_and_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "_MOST_WAITING", 3)
    (tmp_path / "audit").write_text("in the way")
    audit = AuditTrail(FolderStorage(tmp_path))

    async def record(what: str) -> None:
        with pytest.raises(AccountsUnavailableError):
            await audit.record(AuditEvent(what, ANONYMOUS))

    async def work() -> None:
        await audit.settle()  # there is nothing to write
        for number in range(5):
            await record(f"event-{number}")
        (tmp_path / "audit").unlink()
        await audit.settle()
        await audit.settle()

    asyncio.run(work())
    assert [each["what"] for each in _events(tmp_path)] == ["event-2", "event-3", "event-4"]


def test_a_change_waits_for_the_event_of_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same request may come again before its event turns out to be unwritten."""
    audit = AuditTrail(FolderStorage(tmp_path))

    async def work() -> None:
        began, going_on = asyncio.Event(), asyncio.Event()

        async def fail(_: object) -> str:
            began.set()
            await going_on.wait()
            raise OSError

        monkeypatch.setattr(audit, "_append", fail)
        first = asyncio.create_task(audit.record(AuditEvent("event", ANONYMOUS)))
        await began.wait()
        second = asyncio.create_task(audit.settle())
        going_on.set()
        for outcome in await asyncio.gather(first, second, return_exceptions=True):
            assert isinstance(outcome, AccountsUnavailableError)
        monkeypatch.undo()
        await audit.settle()

    asyncio.run(work())
    assert [each["what"] for each in _events(tmp_path)] == ["event"]


def test_events_that_come_at_a_time_share_a_batch(tmp_path: Path) -> None:
    audit = AuditTrail(FolderStorage(tmp_path))

    async def work() -> None:
        await asyncio.gather(*(audit.record(AuditEvent(f"event-{number}", ANONYMOUS)) for number in range(9)))

    asyncio.run(work())
    assert [each["what"] for each in _events(tmp_path)] == [f"event-{number}" for number in range(9)]


def test_old_logs_are_removed_at_the_first_event_of_a_process_and_of_a_day(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    today = datetime.now(UTC).date()
    old = f"audit/{today - timedelta(days=3)}"

    async def record(audit: AuditTrail) -> list[bytes]:
        storage.files().append(old, b"{}\n")
        await audit.record(AuditEvent("x\u00fc", ANONYMOUS))
        return list(storage.files().lines(old))

    async def work() -> None:
        audit = AuditTrail(storage, kept_days=2)
        assert await record(audit) == []
        assert await record(audit) == [b"{}"], "it was looked at today"
        assert await record(AuditTrail(storage, kept_days=3)) == [b"{}"] * 2
        assert await record(AuditTrail(storage, kept_days=2)) == []

    asyncio.run(work())
    assert "\u00fc".encode() in next(iter(storage.files().lines(f"audit/{today}")))


def test_an_event_has_only_the_properties_that_it_was_given(tmp_path: Path) -> None:
    audit = AuditTrail(FolderStorage(tmp_path))

    async def work() -> None:
        await audit.record(AuditEvent("bare", ANONYMOUS))
        await audit.record(AuditEvent("full", ANONYMOUS, "127.0.0.1", "acme", {"version": "1.0"}))

    asyncio.run(work())
    bare, full = _events(tmp_path)
    assert abs(datetime.strptime(full["at"], "%Y-%m-%dT%H:%M:%S%z") - datetime.now(UTC)) < timedelta(minutes=1)
    assert set(bare) == {"v", "at", "what", "user", "kind"}
    assert {name: full[name] for name in set(full) - set(bare)} == {
        "from": "127.0.0.1",
        "project": "acme",
        "version": "1.0",
    }
