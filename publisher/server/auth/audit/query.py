"""Reading the audit trail: the batches of all processes together, oldest first."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from publisher.server.auth.audit.days import FOLDER, days_of
from publisher.server.storage.base import Files
from publisher.server.storage.json_text import parse_json

NEWEST = 10_000
"""Maximum number of events in one answer, the newest ones."""


class AuditQuery(NamedTuple):
    """The events of a project, of a user (or a repository), since a time; an empty criterion selects all."""

    project: str = ""
    user: str = ""
    since: datetime | None = None

    def matches(self, event: dict[str, Any]) -> bool:
        """Return whether an event is wanted; one about a token or publisher belongs to each project that it names."""
        if self.project and self.project not in {event.get("project"), *event.get("projects", ())}:
            return False
        if self.user and self.user not in {event.get("user"), event.get("account")}:
            return False
        return self.since is None or str(event.get("at", "")) >= self.since.strftime("%Y-%m-%dT%H:%M:%SZ")


def find_events(files: Files, query: AuditQuery) -> list[dict[str, Any]]:
    """Return the newest events that are wanted, the oldest first; blocks for as long as reading takes."""
    first = query.since.astimezone(UTC).date() if query.since is not None else None
    found: list[dict[str, Any]] = []
    for day in days_of(files):
        if first is None or day >= first:
            events = [event for event in _events(files, day) if query.matches(event)]
            found += sorted(events, key=lambda event: str(event.get("at", "")))
    return found[-NEWEST:]


def _events(files: Files, day: date) -> Iterator[dict[str, Any]]:
    for line in files.lines(f"{FOLDER}/{day}"):
        with suppress(ValueError):
            event = parse_json(line)
            if isinstance(event, dict):
                yield event
