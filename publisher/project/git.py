"""Queries to git about a project's folder: its last change, its tree, its tags."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

from publisher.errors import ConfigurationError, PublishError
from publisher.project.child_environment import without_own_secrets
from publisher.waiting import waiting_for

_SOURCES = (".", ":(exclude)dist")
"""The files of a project's folder that count: not the built ones, which some repositories forget to ignore."""

_PATIENCE = 60.0
"""Seconds for one question, which git answers in milliseconds unless its file system hangs."""

_OF_NO_REPOSITORY = (
    "GIT_ASKPASS",
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_EDITOR",
    "GIT_PAGER",
    "GIT_SSL_",
    "GIT_TERMINAL_",
)
"""Common beginnings of variables that point at no repository: editors and CI set them for every program."""

_UNTRUSTED = ("-c", "core.fsmonitor=false", "-c", "log.showSignature=false")
"""Options that keep a repository's own configuration from starting programs."""


def is_changed_since(folder: Path, ref: str) -> bool:
    """
    Return whether a folder differs from a commit, in files that git tracks or would track.

    Raises ConfigurationError when git can't tell: no repository, or no commit of that name in it.
    """
    changed = _git(folder, "diff", "--name-only", ref, "--", *_SOURCES)
    if changed is None:
        raise ConfigurationError(
            f"git can't compare {folder} with {ref!r}.",
            hint="Name a tag, branch or commit of this repository; a shallow clone lacks it (fetch-depth: 0).",
        )
    return bool(changed or _git(folder, "ls-files", "--others", "--exclude-standard", "--", *_SOURCES))


def last_change(folder: Path) -> datetime | None:
    """
    Return the time of the commit that gave a folder its current contents; None for uncommitted changes and without git.

    A merge counts as a change at its own time, whatever the times of the commits that it merges.
    """
    if _git(folder, "status", "--porcelain", "--", *_SOURCES) != "":
        return None
    seconds = _git(folder, "log", "-1", "--first-parent", "-m", "--format=%ct", "--", *_SOURCES)
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def commit_time(folder: Path) -> int | None:
    """
    Return the time of the checked-out commit, in seconds since 1970; None outside a repository.

    It is the same in every clone of the commit, however much of the history a clone has. The owner of the repository
    does not matter: a container's user often reads another user's checkout.
    """
    trusting = ("-c", f"safe.directory={folder.resolve()}", "-c", "safe.directory=*", *_UNTRUSTED)
    seconds = _git(folder, "log", "-1", "--format=%ct", options=trusting)
    return int(seconds) if seconds else None


def tree_hash(folder: Path) -> str | None:
    """Return git's hash of a folder's contents; None for uncommitted changes and without git."""
    return begin_tree_hash(folder)()


def begin_tree_hash(folder: Path) -> Callable[[], str | None]:
    """Start to ask git for `tree_hash`, and return the function that waits for the answer; it has to be called."""
    status = _ask(folder, "status", "--porcelain", "--", *_SOURCES)
    tree = _ask(folder, "rev-parse", "HEAD:./")

    def finish() -> str | None:
        with status, tree:
            found = tree.answer()
            return found.strip() if found is not None and status.answer() == "" else None

    return finish


class Uncommitted(NamedTuple):
    """Files below a folder whose contents are in no commit, relative to the folder and with ``/``."""

    changed: Sequence[str]
    """Tracked files that were changed, added or removed."""
    untracked: Sequence[str]
    """Files that git does not know and does not ignore."""


def find_uncommitted(folder: Path) -> Uncommitted | None:
    """Return the uncommitted files of a folder; None outside a repository."""
    command = ("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", *_SOURCES)
    with _ask(folder, *command) as status, _ask(folder, "rev-parse", "--show-prefix") as prefix:
        listed, above = status.answer(), prefix.answer()
    if listed is None or above is None:
        return None
    entries = [(entry[:2], entry[3:].removeprefix(above.strip())) for entry in listed.split("\0") if entry]
    return Uncommitted(
        [path for state, path in entries if state != "??"], [path for state, path in entries if state == "??"]
    )


def is_shallow(folder: Path) -> bool:
    """Return whether a clone lacks a part of the history."""
    return _git(folder, "rev-parse", "--is-shallow-repository") == "true"


def commit_of(folder: Path, name: str) -> str | None:
    """Return the commit of a tag or another name; None if it is unknown."""
    return _git(folder, "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")


def tracked_files(folder: Path) -> frozenset[str] | None:
    """Return the tracked files below a folder, relative to it and with ``/``; None outside a repository."""
    listed = _git(folder, "ls-files", "-z", "--", ".")
    return None if listed is None else frozenset(filter(None, listed.split("\0")))


def remote_url(folder: Path) -> str | None:
    """Return the URL of the remote `origin`; None without one."""
    return _git(folder, "remote", "get-url", "origin")


def tags_at(folder: Path, commit: str) -> list[str]:
    """Return the names of the tags at a commit; none without git."""
    return (_git(folder, "tag", "--points-at", commit) or "").split()


@cache
def repository_variables() -> frozenset[str]:
    """
    Return the variables with which git points its children at one repository, as it does for hooks.

    A build of another folder that inherits them asks the wrong repository.
    """
    with _Question(["git", "rev-parse", "--local-env-vars"], os.environ) as question:
        return frozenset((question.answer() or "").split())


def without_repository_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables of `repository_variables`, whose names all begin with ``GIT_``."""
    if not any(name.startswith("GIT_") and not name.startswith(_OF_NO_REPOSITORY) for name in environment):
        return dict(environment)  # git need not be asked for their names
    return {name: value for name, value in environment.items() if name not in repository_variables()}


def _git(folder: Path, *arguments: str, options: tuple[str, ...] = ()) -> str | None:
    """
    Return git's output without surrounding white space; None when it fails or is missing.

    Raises PublishError when it does not answer: an unknown state must not pass for a folder without a repository.
    """
    with _ask(folder, *arguments, options=options) as question:
        output = question.answer()
    return None if output is None else output.strip()


def _ask(folder: Path, *arguments: str, options: tuple[str, ...] = ()) -> "_Question":
    command = ["git", *options, "-C", str(folder), *arguments]
    return _Question(command, without_repository_variables(os.environ))


class _Question:
    """A question that git works on from its creation on, until the end of the ``with`` block."""

    def __init__(self, command: list[str], variables: Mapping[str, str]) -> None:
        self._shown = " ".join(command[:6])
        self._process: subprocess.Popen[str] | None = None
        with suppress(OSError, subprocess.SubprocessError):
            self._process = subprocess.Popen(  # noqa: S603 - no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**without_own_secrets(variables), "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
                encoding="utf-8",
                errors="surrogateescape",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.__exit__(None, None, None)

    def answer(self) -> str | None:
        """Return git's output; None when it fails or is missing. Raises PublishError when it does not answer."""
        if self._process is None:
            return None
        try:
            with waiting_for(f"`{self._shown}`"):
                output, _ = self._process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise PublishError(
                f"git does not answer: `{self._shown}` took longer than {_PATIENCE:.0f} seconds.",
                hint="Run it yourself to see why: a network drive, a filter or the download of missing files may hang.",
            ) from error
        except (OSError, subprocess.SubprocessError):
            return None
        return output if self._process.returncode == 0 else None
