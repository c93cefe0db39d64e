"""The SOURCE_DATE_EPOCH of builds, so that the same commit gives the same bytes."""

import os
from pathlib import Path

from publisher.errors import ConfigurationError
from publisher.project.git import commit_time

VARIABLE = "SOURCE_DATE_EPOCH"

_LATEST = 253_402_300_799
"""The last second of the year 9999, the latest that archives and Python can express."""


def source_date_epoch(project: Path) -> int | None:
    """
    Return SOURCE_DATE_EPOCH for a project's build, in seconds since 1970; None without the variable and without git.

    It is the variable's value, or else the time of the checked-out commit.
    See https://reproducible-builds.org/specs/source-date-epoch/.

    Raises ConfigurationError when the variable is not a number of seconds.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return commit_time(project)
    if not (text.isascii() and text.isdigit()) or int(text) > _LATEST:
        raise ConfigurationError(
            f"Invalid {VARIABLE} {text!r}: expected seconds since 1970, for example 1700000000.",
            hint="Unset it to use the time of the last commit, or set it to the output of `git log -1 --format=%ct`.",
        )
    return int(text)
