"""The repository and commit that this installation was made from."""

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from publisher.errors import ConfigurationError

RELEASE_FILE = Path(__file__).parents[1] / "release.json"
"""Written by the release workflow: ``{"repository": "owner/name", "commit": "..."}``."""

_HOST = "github.com"
_REFERENCE = re.compile(r"([A-Za-z0-9][\w-]*/[\w.-]+)@([0-9a-f]{40})")


class ActionRef(NamedTuple):
    """A repository on GitHub, ``owner/name``, and a commit in it, forty hexadecimal digits."""

    repository: str
    commit: str

    @property
    def url(self) -> str:
        """The repository's URL."""
        return f"https://{_HOST}/{self.repository}"


def parse_action_ref(text: str) -> ActionRef:
    """
    Return the repository and commit of ``owner/name@commit``.

    Raises ConfigurationError for every other text: a tag or a branch can be moved, a commit can't.
    """
    if found := _REFERENCE.fullmatch(text):
        return ActionRef(found[1], found[2])
    raise ConfigurationError(
        f"{text!r} does not name the commit of an action.",
        hint="Write owner/repository@ and the forty digits of the commit: `git rev-parse v1.2.3^{commit}`.",
    )


def find_action_ref() -> ActionRef | None:
    """Return the origin recorded in the release, else by the installer (PEP 610); None without either."""
    try:
        found = json.loads(RELEASE_FILE.read_text("utf-8"))
        return parse_action_ref(f"{found['repository']}@{found['commit']}")
    except (OSError, ValueError, TypeError, KeyError, ConfigurationError):
        return _installed_from()


def _installed_from() -> ActionRef | None:
    try:
        noted: Any = json.loads(distribution("pypi-publish").read_text("direct_url.json") or "{}")
        url = urlsplit(noted["url"])
        if url.hostname != _HOST:  # a repository of that name on GitHub would be another one
            return None
        repository = url.path.strip("/").removesuffix(".git")
        return parse_action_ref(f"{repository}@{noted['vcs_info']['commit_id']}")
    except (PackageNotFoundError, ValueError, TypeError, KeyError, ConfigurationError):
        return None
