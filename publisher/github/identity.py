"""The repository on GitHub that a checkout belongs to: its name from the remote, its numbers from `gh`."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from publisher.project.git import remote_url

_REMOTE = re.compile(r"(?:https://(?:[^/@]+@)?|ssh://git@|git@)github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?")
_PATIENCE = 10.0
"""Seconds that `gh` gets."""


class GitHubIdentity(NamedTuple):
    """A repository's name, ``owner/name``, and the numbers of it and its owner, where they are known."""

    repository: str
    repository_id: str | None = None
    owner_id: str | None = None


def find_identity(folder: Path) -> GitHubIdentity | None:
    """Return the identity of a checkout's remote `origin`; None where that is not on GitHub."""
    found = _REMOTE.fullmatch(remote_url(folder) or "")
    if found is None:
        return None
    repository = found[1]
    numbers = _ask_gh(repository)
    return GitHubIdentity(repository, *numbers) if numbers else GitHubIdentity(repository)


def _ask_gh(repository: str) -> tuple[str, str] | None:
    """Return the numbers of a repository and its owner as `gh` knows them; None where it does not answer."""
    gh = shutil.which("gh")
    if gh is None:
        return None
    try:
        command = [gh, "api", f"repos/{repository}"]
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=True)  # noqa: S603 - gh itself
        found = json.loads(done.stdout)
        return str(int(found["id"])), str(int(found["owner"]["id"]))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, KeyError):
        return None
