"""The logs of the audit trail: one for each day, removed when it is too old."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from publisher.server.storage.base import Files

FOLDER = "audit"
"""The logs, one for each day (``2026-11-26``, UTC)."""


def days_of(files: Files) -> list[date]:
    """Return the days that have a log, the oldest first."""
    found = set()
    for name in files.list(FOLDER):
        with suppress(ValueError):
            found.add(date.fromisoformat(name.rstrip("~")))
    return sorted(found)


def remove_old(files: Files, days: int) -> None:
    """Remove the logs that are older than a number of days."""
    oldest = datetime.now(UTC).date() - timedelta(days=days)
    for day in days_of(files):
        if day < oldest:
            for name in files.list(f"{FOLDER}/{day}~"):
                files.remove(f"{FOLDER}/{day}~/{name}")
            files.remove(f"{FOLDER}/{day}")
