"""The parts of a file that pages show, read within limits: fields, members, and the description to render."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS, DistributionLimits
from publisher.project.archives import list_members
from publisher.project.distributions import read_distribution
from publisher.server.web.describing import kept_fields

_Checkpoint = Callable[[], None]


class _TooSlowError(Exception):
    """Reading a file takes longer than a page may wait."""


def read_details(path: Path, filename: str, *, limits: DistributionLimits, checkpoint: _Checkpoint) -> dict[str, Any]:
    """
    Return ``fields``, ``members``, ``member_count`` and ``unpacked`` of a file, ``text`` and ``content_type``.

    Raises InvalidDistributionError for a file that can't be read, in time or at all.
    """
    deadline = time.monotonic() + LIMITS.pages.reading

    def check() -> None:
        checkpoint()
        if time.monotonic() > deadline:
            raise _TooSlowError

    try:
        fields = read_distribution(path, filename, check, limits).fields
        members = list_members(path, check, limits)
    except _TooSlowError:
        raise InvalidDistributionError("Reading it takes too long.") from None
    return {
        "fields": kept_fields(fields),
        "members": sorted(members)[: LIMITS.pages.members],
        "member_count": len(members),
        "unpacked": sum(size for _, size in members),
        "text": fields.get("description", ""),
        "content_type": fields.get("description_content_type", ""),
    }


def read_fields(path: Path, filename: str, *, limits: DistributionLimits, checkpoint: _Checkpoint) -> dict[str, Any]:
    """Return the fields of a file; raise InvalidDistributionError for a file that can't be read."""
    return kept_fields(read_distribution(path, filename, checkpoint, limits).fields)
