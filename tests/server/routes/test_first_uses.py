"""First uses of public projects: written together, tried again while they can't be, and bounded."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from publisher.limits import LIMITS
from publisher.server.auth.audit.trail import AuditEvent
from publisher.server.auth.errors import AccountsUnavailableError
from publisher.server.auth.principal import Principal, PrincipalKind
from publisher.server.http.messages import Request
from publisher.server.routes.public import first_uses
from publisher.server.routes.public.first_uses import FirstUses
from tests.helpers.waiting import eventually_async

ADA = Principal("ada", PrincipalKind.ACCOUNT, account="ada")
AT_ONCE = 0.0
NEVER = 1000.0


class Trail:
    """An audit trail that fails for some projects as often as a test says."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.failures: dict[str, list[Exception]] = {}

    async def record(self, event: AuditEvent) -> None:
        await asyncio.sleep(0)
        if left := self.failures.get(event.project):
            raise left.pop()
        self.events.append(event)

    @property
    def projects(self) -> list[str]:
        return [event.project for event in self.events]


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> Trail:
    monkeypatch.setattr(first_uses, "principal_of", lambda _: ADA)
    monkeypatch.setattr(first_uses, "LIMITS", LIMITS._replace(upstream=LIMITS.upstream._replace(remembered_files=3)))
    return Trail()


async def _receive() -> Any:
    raise AssertionError


def _uses(trail: Any, delay: float) -> tuple[FirstUses, Callable[[str], None]]:
    found = FirstUses(trail, delay)
    request = Request({"headers": [], "method": "GET", "path": "/simple/acme/", "client": ("192.0.2.7", 1)}, _receive)
    return found, lambda project: found.note(request, project, "https://public.example/simple/")


def test_what_is_noted_is_written_in_its_order(trail: Trail) -> None:
    async def run() -> None:
        _, note = _uses(trail, AT_ONCE)
        note("one")
        note("two")
        assert trail.events == []
        await eventually_async(lambda: len(trail.events) == 2)
        note("three")
        await eventually_async(lambda: len(trail.events) == 3)

    asyncio.run(run())
    assert trail.projects == ["one", "two", "three"]
    event = trail.events[0]
    assert (event.what, event.who, event.address) == ("public-project-used", ADA, "192.0.2.7")
    assert event.details == {"upstream": "https://public.example/simple/"}


def test_what_waits_is_written_at_the_end(trail: Trail) -> None:
    async def run() -> None:
        uses, note = _uses(trail, NEVER)
        note("one")
        await uses.stop()
        assert trail.projects == ["one"]
        await uses.stop()

    asyncio.run(run())
    assert trail.projects == ["one"]


def test_an_event_that_cannot_be_written_is_tried_again(trail: Trail, caplog: pytest.LogCaptureFixture) -> None:
    trail.failures["one"] = [AccountsUnavailableError("away"), AccountsUnavailableError("away")]

    async def run() -> None:
        uses, note = _uses(trail, AT_ONCE)
        note("one")
        note("two")
        await eventually_async(lambda: len(trail.events) == 2)
        await uses.stop()

    asyncio.run(run())
    assert trail.projects == ["two", "one"]
    assert [record.getMessage() for record in caplog.records] == [
        "1 first uses of public projects can't be recorded yet"
    ] * 2


def test_another_failure_is_not_hidden(trail: Trail) -> None:
    trail.failures["one"] = [RuntimeError("a fault")]

    async def run() -> None:
        uses, note = _uses(trail, NEVER)
        note("one")
        with pytest.raises(RuntimeError, match="a fault"):
            await uses.stop()

    asyncio.run(run())


def test_events_beyond_the_bound_are_left_out(trail: Trail) -> None:
    async def run() -> None:
        uses, note = _uses(trail, NEVER)
        for project in ("one", "two", "three", "four"):
            note(project)
        await uses.stop()

    asyncio.run(run())
    assert trail.projects == ["one", "two", "three"]
