"""The time that a build pretends to run at, so that the same commit gives the same bytes."""

import os
import subprocess
from pathlib import Path


def source_date_epoch(project: Path) -> str | None:
    """
    Return SOURCE_DATE_EPOCH for builds of a project, in seconds since 1970.

    It is the variable's value where it is set, else the time of the last commit that touched the project's folder; None
    outside a git repository. See https://reproducible-builds.org/specs/source-date-epoch/.
    """
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    command = ["git", "-C", str(project), "log", "-1", "--format=%ct", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - no shell, no user text
    except (OSError, subprocess.CalledProcessError):
        return None  # no git, no repository, or one that git refuses to read
    return done.stdout.strip() or None
