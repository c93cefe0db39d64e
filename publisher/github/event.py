"""The event that started a GitHub Actions run, and its tag."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

_DEPENDABOT = "dependabot[bot]"


class Event(NamedTuple):
    """
    An event of GitHub's, the ref that the run is for, and the tag where it is for one.

    ``lacks_secrets`` is true for a run that GitHub gives no secrets: a fork's pull request, or a change by Dependabot.
    """

    name: str
    ref: str
    tag: str | None = None
    lacks_secrets: bool = False
    may_identify: bool = False
    """Whether the job may request ID tokens, as ``id-token: write`` allows."""

    @property
    def is_pull_request(self) -> bool:
        """True if the run is for code that is not merged."""
        return self.name.startswith("pull_request")


def read_event(environment: Mapping[str, str]) -> Event:
    """
    Return the event from the runner's variables and the payload.

    The tag is that of the ref, else that of a release; see
    https://docs.github.com/en/actions/reference/workflows-and-actions/variables.
    """
    payload = _payload(environment.get("GITHUB_EVENT_PATH"))
    ref = environment.get("GITHUB_REF_NAME", "")
    released = _at(payload, "release", "tag_name")
    tag = ref if environment.get("GITHUB_REF_TYPE") == "tag" else released
    return Event(
        environment.get("GITHUB_EVENT_NAME", ""),
        ref,
        tag if isinstance(tag, str) and tag else None,
        _at(payload, "pull_request", "head", "repo", "fork") is True or environment.get("GITHUB_ACTOR") == _DEPENDABOT,
        bool(environment.get("ACTIONS_ID_TOKEN_REQUEST_URL")),
    )


def _payload(path: str | None) -> Any:
    try:
        return json.loads(Path(path).read_text("utf-8")) if path else None
    except (OSError, ValueError):
        return None  # the payload adds to the variables, which are always there


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document
