"""The GitHub workflow that publishes a repository's projects on a tag."""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from publisher.errors import ConfigurationError
from publisher.github.provenance import ActionRef

PATH = ".github/workflows/publish.yml"

_CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
_VERSION = "[0-9]+.[0-9]+*"
"""GitHub's pattern of a version: a tag that is moved, like ``v1``, starts no release."""

_PATTERN_SIGN = re.compile(r"[\\*?+\[\]!]")
"""Characters that GitHub's patterns of tags take for themselves only behind a backslash."""

_LINE = re.compile(r"[\w.][\w./-]*", re.ASCII)
_WORD = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)\Z)[a-z][\w./-]*", re.ASCII | re.IGNORECASE)
"""Values that YAML reads as text without quotes: `1.10` is a number there, and `on` is true."""

_TEXT = """\
name: Publish

on:
  push:
    tags: {tags}

permissions: {{}}

concurrency:
  group: publish-${{{{ github.ref }}}}
  cancel-in-progress: false # half a release is never canceled

jobs:
  publish:
    name: Publish
    runs-on: ubuntu-24.04
    environment: {environment} # its reviewers and secrets apply to this job only
    timeout-minutes: 30
    permissions:
      contents: read # the checkout
      id-token: write # by which the index recognizes this workflow
    steps:
      - uses: {checkout}
        with:
          persist-credentials: false
          fetch-depth: 0 # all of it: versions come from tags, and projects that did not change are skipped
      - name: Publish to the private index
        uses: {repository}/github-actions/publish@{commit}{version}
{inputs}"""

_ACCOUNT = """\
          username: ${{ secrets.PYPI_PUBLISH_USERNAME }}
          password: ${{ secrets.PYPI_PUBLISH_PASSWORD }}
"""


class Workflow(NamedTuple):
    """
    The values that differ between the workflows of repositories.

    ``version`` is the action's, where it is known; folders are relative to the root, in POSIX form, and one of them may
    stand for several projects; ``tag_prefix`` is the text that the project's tags have before the version.
    """

    action: ActionRef
    version: str | None
    environment: str
    folders: Sequence[str]
    has_several_projects: bool = False
    tag_prefix: str | None = None
    secrets: bool = False
    """Whether an account is handed to the action, for an index without trusted publishing."""

    @property
    def tags(self) -> list[str]:
        """The patterns of the tags that start it."""
        every = [f"v{_VERSION}", _VERSION]
        if self.tag_prefix:
            prefix = _PATTERN_SIGN.sub(r"\\\g<0>", self.tag_prefix)
            return [f"{prefix}{form}" for form in every]
        named = [f"*{separator}{form}" for separator in "-/@" for form in every]
        return [*every, *named] if self.has_several_projects else every

    def render(self) -> str:
        """
        Return the file's text.

        Raises ConfigurationError for a folder that a workflow can't name.
        """
        return _TEXT.format(
            tags=json.dumps(self.tags),
            environment=_scalar(self.environment),
            checkout=_CHECKOUT,
            repository=self.action.repository,
            commit=self.action.commit,
            version=f" # {self.version}" if self.version else "",
            inputs=f"        with:\n{inputs}" if (inputs := self._account() + self._folders()) else "",
        )

    def _account(self) -> str:
        return _ACCOUNT if self.secrets else ""

    def _folders(self) -> str:
        if self.folders == ["."]:
            return ""
        if len(self.folders) == 1:
            return f"          package-dir: {_scalar(self.folders[0])}\n"
        if all(_LINE.fullmatch(folder) for folder in self.folders):
            return "".join(["          package-dir: |\n", *(f"            {folder}\n" for folder in self.folders)])
        return f"          package-dir: {_scalar(*self.folders)}\n"


def _scalar(*lines: str) -> str:
    """Return texts as one YAML value of as many lines, which is JSON where it is not plain."""
    for line in lines:
        if "${{" in line or line != line.strip() or not line.isprintable() or not line:
            raise ConfigurationError(
                f"A workflow can't contain the name {line!r}.", hint="Rename it, or write the workflow by hand."
            )
    text = "\n".join(lines)
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)
