"""What git knows of a project's folder: whether it was changed, and when."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from publisher.errors import ConfigurationError

_SOURCES = (".", ":(exclude)dist")
"""What of a project's folder counts: not what was built, which some repositories forget to ignore."""


def is_changed_since(folder: Path, ref: str) -> bool:
    """
    Tell whether a folder differs from what it was at a commit, in files that git knows or should know.

    Raises ConfigurationError when git can't tell: no repository, or no commit of that name in it.
    """
    changed = _git(folder, "diff", "--name-only", ref, "--", *_SOURCES)
    if changed is None:
        raise ConfigurationError(
            f"git can't compare {folder} with {ref!r}.",
            hint="Give a tag, branch or commit of this repository; a shallow clone lacks it (fetch-depth: 0).",
        )
    return bool(changed or _git(folder, "ls-files", "--others", "--exclude-standard", "--", *_SOURCES))


def settled_since(folder: Path) -> datetime | None:
    """
    Return when a folder came to hold what it holds; None when that is not committed, or git can't tell.

    A merge counts as a change at its own time, whatever the time of what it brought.
    """
    if _git(folder, "status", "--porcelain", "--", *_SOURCES) != "":
        return None
    seconds = _git(folder, "log", "-1", "--first-parent", "-m", "--format=%ct", "--", *_SOURCES)
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def tree_of(folder: Path) -> str | None:
    """Return what git calls the contents of a folder; None when they are not committed, or git can't tell."""
    if _git(folder, "status", "--porcelain", "--", *_SOURCES) != "":
        return None
    return _git(folder, "rev-parse", "HEAD:./")


def tracked_files(folder: Path) -> frozenset[str] | None:
    """Return the files below a folder that git knows, relative to it and with ``/``; None outside a repository."""
    listed = _git(folder, "ls-files", "-z", "--", ".")
    return None if listed is None else frozenset(filter(None, listed.split("\0")))


def tags_at(folder: Path, commit: str) -> list[str]:
    """Return the names of the tags at a commit; none where git can't tell."""
    return (_git(folder, "tag", "--points-at", commit) or "").split()


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints; None when it fails or is not there."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - no shell
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
