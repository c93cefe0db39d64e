"""The handler of the audit trail: the events that a query selects."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.server.http.messages import HttpError, Message, Request
from publisher.server.routes.trust.audit import AuditRoutes
from publisher.server.storage.folder import FolderStorage

NOW = datetime.now(UTC)
EVENTS = [
    {
        "at": (NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "what": what,
        "user": user,
        "project": project,
    }
    for hours, what, user, project in (
        (5, "yank", "ada", "acme-lib"),
        (3, "upload", "eve", "acme-lib"),
        (1, "upload", "ada", "docs"),
    )
]


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    found = FolderStorage(tmp_path)
    for event in EVENTS:
        found.files().append(f"audit/{event['at'][:10]}", json.dumps(event).encode() + b"\n")
    return found


def _show(storage: FolderStorage, query: str) -> list[dict[str, Any]]:
    async def receive() -> Message:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/-/audit", "query_string": query.encode(), "headers": []}
    answer = asyncio.run(AuditRoutes(storage).show(Request(scope, receive)))
    found: list[dict[str, Any]] = json.loads(answer.body)["events"]
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [0, 1, 2]),
        ("project=Acme.Lib", [0, 1]),
        ("user=ada", [0, 2]),
        ("project=acme-lib&user=ada", [0]),
        ("since=7200", [2]),
        ("since=14400.5&user=eve", [1]),
        ("since=", [0, 1, 2]),
        ("user=nobody", []),
    ],
)
def test_events_are_selected(storage: FolderStorage, query: str, expected: list[int]) -> None:
    assert _show(storage, query) == [EVENTS[each] for each in expected]


@pytest.mark.parametrize("since", ["yesterday", "1e400", "1e300", "nan"])
def test_the_time_is_a_number_of_seconds(storage: FolderStorage, since: str) -> None:
    with pytest.raises(HttpError, match="number of seconds") as refused:
        _show(storage, f"since={since}")
    assert refused.value.status == 422
