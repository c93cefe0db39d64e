"""Reading the audit trail, the age of its logs, and the sums of failed logins."""

import asyncio
import json
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from publisher.server.auth.audit import failed_logins, query
from publisher.server.auth.audit.days import days_of, remove_old
from publisher.server.auth.audit.failed_logins import FailedLogins
from publisher.server.auth.audit.query import AuditQuery, find_events
from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.storage.base import Files
from publisher.server.storage.folder import FolderStorage

NOON = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)


def _files(folder: Path, logs: dict[str, list[object]]) -> Files:
    files = FolderStorage(folder).files()
    for day, events in logs.items():
        for event in events:
            line = event if isinstance(event, bytes) else json.dumps(event).encode()
            files.append(f"audit/{day}", line + b"\n")
    return files


EVENT = {"at": "2026-11-26T12:00:30Z", "user": "ada", "project": "acme"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (AuditQuery(), True),
        (AuditQuery("acme"), True),
        (AuditQuery("gears"), False),
        (AuditQuery(user="ada"), True),
        (AuditQuery(user="bob"), False),
        (AuditQuery("acme", "ada"), True),
        (AuditQuery("acme", "bob"), False),
        (AuditQuery("gears", "ada"), False),
        (AuditQuery(since=NOON), True),
        (AuditQuery(since=NOON + timedelta(seconds=1)), False),
        (AuditQuery(since=NOON - timedelta(days=9)), True),
        (AuditQuery("acme", "ada", NOON + timedelta(seconds=1)), False),
    ],
)
def test_each_criterion_has_to_be_met(asked: AuditQuery, *, found: bool) -> None:
    assert asked.matches(EVENT) == found


def test_an_event_that_names_several_projects_is_of_each() -> None:
    event = {"projects": ["acme", "gears"]}
    assert [AuditQuery(project).matches(event) for project in ("acme", "gears", "web")] == [True, True, False]
    assert AuditQuery("web").matches({**event, "project": "web"})


def test_batches_of_other_processes_are_days_too_and_removed_with_them(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    files = FolderStorage(tmp_path).files()
    for age in (1, 9):
        files.create(f"audit/{today - timedelta(days=age)}~/another", b"{}\n")
    assert [(today - day).days for day in days_of(files)] == [9, 1]
    remove_old(files, 5)
    assert [path.parent.name for path in (tmp_path / "audit").rglob("another")] == [f"{today - timedelta(days=1)}~"]


def test_an_event_is_of_the_account_that_it_is_about_too() -> None:
    event = {"user": "AUTH_TOKEN", "account": "bob"}
    assert AuditQuery(user="bob").matches(event)
    assert AuditQuery(user="AUTH_TOKEN").matches(event)
    assert not AuditQuery(user="ada").matches(event)
    assert not AuditQuery(since=NOON).matches(event), "it has no time"
    assert not AuditQuery("acme").matches({}), "it has no project"


def test_events_of_all_days_and_processes_are_in_order(tmp_path: Path) -> None:
    files = _files(
        tmp_path,
        {
            "2026-11-26": [{"at": "2026-11-26T02"}, {"at": "2026-11-26T01"}, {"at": "2026-11-26T03"}],
            "2026-11-25": [{"at": "2026-11-25T09"}],
            "2025-01-01": [{"at": "2025-01-01T09"}],
        },
    )
    assert [event["at"][:13] for event in find_events(files, AuditQuery())] == [
        "2025-01-01T09",
        "2026-11-25T09",
        "2026-11-26T01",
        "2026-11-26T02",
        "2026-11-26T03",
    ]


@pytest.mark.parametrize(
    ("since", "found"),
    [
        (datetime(2026, 11, 26, tzinfo=UTC), ["26"]),
        (datetime(2026, 11, 25, 9, tzinfo=UTC), ["25", "26"]),
        (datetime(2026, 11, 25, 9, 0, 1, tzinfo=UTC), ["26"]),
        (datetime(2026, 11, 26, 1, tzinfo=UTC).astimezone(), ["26"]),
        (datetime(2026, 11, 27, tzinfo=UTC), []),
    ],
)
def test_days_before_the_time_are_not_read(tmp_path: Path, since: datetime, found: list[str]) -> None:
    logs: dict[str, list[object]] = {
        f"2026-11-{day}": [{"at": f"2026-11-{day}T09:00:00Z"}] for day in ("24", "25", "26")
    }
    assert [event["at"][8:10] for event in find_events(_files(tmp_path, logs), AuditQuery(since=since))] == found


def test_damaged_lines_cost_only_themselves(tmp_path: Path) -> None:
    files = _files(tmp_path, {"2026-11-26": [b"{", {"at": "1"}, b"[]", b"3", b"\xff", b"[" * 90_000, {"at": "2"}]})
    assert [event["at"] for event in find_events(files, AuditQuery())] == ["1", "2"]


def test_of_too_many_events_the_newest_are_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "NEWEST", 3)
    files = _files(tmp_path, {f"2026-11-2{day}": [{"at": f"2026-11-2{day}"}] for day in range(6)})
    assert [event["at"][-1] for event in find_events(files, AuditQuery())] == ["3", "4", "5"]


def test_other_files_beside_the_logs_are_no_days(tmp_path: Path) -> None:
    files = _files(tmp_path, {"2026-11-26": [{}], "2026-11-02": [{}]})
    for name in ("notes", "2026-13-01", "2026-11-26.bak"):
        (tmp_path / "audit" / name).write_text("{}\n")
    assert days_of(files) == [date(2026, 11, 2), date(2026, 11, 26)]
    assert days_of(FolderStorage(tmp_path / "elsewhere").files()) == []


def test_only_logs_that_are_older_than_the_days_are_removed(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    files = _files(tmp_path, {str(today - timedelta(days=age)): [{"at": str(age)}] for age in (0, 6, 7, 8, 400)})
    remove_old(files, 7)
    assert [(today - day).days for day in days_of(files)] == [7, 6, 0]
    remove_old(files, 0)
    assert [(today - day).days for day in days_of(files)] == [0]


# failed logins


def _sums(folder: Path) -> list[tuple[str, str, int]]:
    found = find_events(FolderStorage(folder).files(), AuditQuery())
    assert {(each["what"], each["user"], each["kind"]) for each in found} <= {
        ("logins-failed", "anonymous", "anonymous")
    }
    return sorted((each["account"], each["from"], each["count"]) for each in found)


def test_failed_logins_are_counted_for_each_account_and_address(tmp_path: Path) -> None:
    async def work() -> None:
        failed = FailedLogins(AuditTrail(FolderStorage(tmp_path)), 1000.0)
        for account, address in (("ada", "a"), ("ada", "a"), ("ada", "b"), ("bob", "a"), (None, "a"), (None, "a")):
            failed.note(account, address)
        assert _sums(tmp_path) == [], "they are written in sum"
        await failed.stop()
        await failed.stop()

    asyncio.run(work())
    assert _sums(tmp_path) == [("(no account)", "a", 2), ("ada", "a", 2), ("ada", "b", 1), ("bob", "a", 1)]


def test_sums_are_written_after_the_time_and_begin_anew(tmp_path: Path) -> None:
    async def work() -> None:
        failed = FailedLogins(AuditTrail(FolderStorage(tmp_path)), 0.0)
        for count in (1, 2):
            for _ in range(count):
                failed.note("ada", "a")
            deadline = time.monotonic() + 20
            while len(_sums(tmp_path)) < count and time.monotonic() < deadline:  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.005)
        await failed.stop()

    asyncio.run(work())
    assert _sums(tmp_path) == [("ada", "a", 1), ("ada", "a", 2)]


def test_logins_that_fail_while_sums_are_written_are_in_the_next_ones(tmp_path: Path) -> None:
    """Without another failure nothing else would have them written."""

    class Slow(AuditTrail):
        async def record(self, event: AuditEvent) -> None:
            if event.details["count"] == 1:
                for _ in range(3):
                    failed.note("ada", "a")
            await super().record(event)

    async def work() -> None:
        failed.note("ada", "a")
        deadline = time.monotonic() + 20
        while len(_sums(tmp_path)) < 2 and time.monotonic() < deadline:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.005)

    failed = FailedLogins(Slow(FolderStorage(tmp_path)), 0.0)
    asyncio.run(work())
    assert _sums(tmp_path) == [("ada", "a", 1), ("ada", "a", 3)]


def test_pairs_beyond_the_bound_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_logins, "COUNTED", 2)

    async def work() -> None:
        failed = FailedLogins(AuditTrail(FolderStorage(tmp_path)), 1000.0)
        for account in ("ada", "bob", "eve", "kim", "ada"):
            failed.note(account, "a")
        await failed.stop()

    asyncio.run(work())
    assert _sums(tmp_path) == [("(no account)", "(many)", 2), ("ada", "a", 2), ("bob", "a", 1)]


def test_sums_that_cannot_be_written_are_logged_and_stop_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "audit").write_text("in the way")

    async def work() -> None:
        failed = FailedLogins(AuditTrail(FolderStorage(tmp_path)), 1000.0)
        failed.note("ada", "a")
        await failed.stop()

    asyncio.run(work())
    assert "failed logins could not be written to the audit trail" in caplog.text
    assert "ada" not in caplog.text.replace("trail", "")
