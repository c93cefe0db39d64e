"""The tags of the `git push` that runs a hook of pre-commit."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from publisher.errors import CheckFailedError
from publisher.project.git import tags_at
from publisher.project.tags import Tag, parse_tag


def pushed_tags(folder: Path, prefix: str | None = None) -> list[Tag]:
    """
    Return the release tags of a push that runs a hook of pre-commit or prek; none outside of one.

    A hook learns one of the pushed refs, a branch say, so the tags at its commit count too.
    """
    return list(dict.fromkeys(_release_tags(folder, prefix)))


def _release_tags(folder: Path, prefix: str | None) -> Iterator[Tag]:
    commit = os.environ.get("PRE_COMMIT_TO_REF")
    if not os.environ.get("PRE_COMMIT_REMOTE_BRANCH") or not commit:
        return
    refs = [os.environ.get("PRE_COMMIT_LOCAL_BRANCH", ""), os.environ.get("PRE_COMMIT_REMOTE_BRANCH", "")]
    names = [ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")]
    for name in [*names, *tags_at(folder, commit)]:
        with suppress(CheckFailedError):  # not every tag is a release
            yield parse_tag(name, prefix)
