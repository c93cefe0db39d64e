"""A worker's end of the pipes to its supervisor: it reports that it serves, or its failure, and notices its end."""

import json
import logging
import os
from contextlib import suppress

from publisher.errors import PublishError


class ReportedError(PublishError):
    """The failure that a worker reported, with the exit code that it has."""

    def __init__(self, message: str, hint: str | None, exit_code: int) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code  # type: ignore[misc]  # a class's own in all other failures


class WorkerPipes:
    """
    ``report`` is written here; ``lifeline`` is readable once the supervisor has ended.

    Only the first worker logs problems at the start.
    """

    def __init__(self, report: int, lifeline: int, *, is_first: bool = True) -> None:
        self._report = report
        self.lifeline = lifeline
        if not is_first:
            logging.disable(logging.WARNING)

    def serves(self) -> None:
        """Report that requests are answered."""
        logging.disable(logging.NOTSET)
        self._send({"serves": True})

    def fails(self, error: PublishError) -> None:
        """Report why there is nothing to serve."""
        self._send({"message": error.message[:1500], "hint": error.hint, "exit_code": error.exit_code})

    def _send(self, record: dict[str, object]) -> None:
        with suppress(OSError):  # the supervisor has ended
            os.write(self._report, json.dumps(record).encode() + b"\n")


def read_reports(report: int) -> list[bool | ReportedError]:
    """Return the reports of a worker so far: True when it serves, or its failure; none at its end."""
    found: list[bool | ReportedError] = []
    for line in os.read(report, 65536).splitlines():
        record = json.loads(line)
        if record.get("serves"):
            found.append(True)
        else:
            found.append(ReportedError(record["message"], record["hint"], record["exit_code"]))
    return found
