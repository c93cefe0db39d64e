"""The links in the metadata of a built package: to the repository that its sources were cloned from."""

import re
import subprocess
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_REMOTE = re.compile(
    r"(?:(?:https?|ssh|git)://)?(?:[^@/\s]+@)?([\w-]+(?:\.[\w-]+)+)(?::\d+/|[:/])([\w./~-]+?)(?:\.git)?/?"
)
"""The remotes of git that name a host: URLs, and ``git@host:owner/name``; user names and passwords are left out."""


def links_of(remote: str) -> dict[str, str]:
    """Return the links for a remote of git, by their well-known labels; none for a folder or an alias of SSH."""
    found = _REMOTE.fullmatch(remote.strip())
    if found is None:
        return {}
    repository = f"https://{found[1]}/{found[2].strip('/')}"
    return {
        "Homepage": repository,
        "Documentation": f"{repository}/tree/HEAD/docs",
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/HEAD/CHANGELOG.md",
    }


class ProjectLinks(MetadataHookInterface):
    """Sets ``urls``; in an sdist, hatchling has read them from its metadata before."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add ``urls`` to the ``[project]`` table, empty without a remote, or without git."""
        if "urls" not in metadata:
            metadata["urls"] = links_of(_origin(self.root))


def _origin(folder: str) -> str:
    if not (Path(folder) / ".git").exists():  # sources without history, perhaps inside of another project's checkout
        return ""
    command = ["git", "-C", folder, "remote", "get-url", "origin"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return found.stdout if found.returncode == 0 else ""
