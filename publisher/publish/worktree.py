"""Working trees that releases are built from: uncommitted files, and versions that git decides."""

import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from publisher.errors import BuildFailedError, CheckFailedError
from publisher.project.distributions import Distribution
from publisher.project.git import Uncommitted, commit_of, find_uncommitted, is_shallow
from publisher.project.kinds import Kind
from publisher.project.pyproject import Source
from publisher.project.tags import Tag

_SHOWN = 5
"""Files that a message names at most."""

_GENERATED = (".egg-info/", "__pycache__/", "PKG-INFO")
_PACKAGE_FOLDERS = ("src/", "lib/", "python/")
_SIGNS_OF_GIT_VERSIONS = ("unable to detect version", "no tags", "setuptools-scm", "setuptools_scm", "hatch-vcs")


class Worktree(NamedTuple):
    """A project's folder as it was before its build; ``uncommitted`` is None outside a git repository."""

    source: Source
    uncommitted: Uncommitted | None

    @property
    def is_committed(self) -> bool:
        """Whether the folder is exactly as in a commit."""
        return self.uncommitted is not None and not (self.uncommitted.changed or self.uncommitted.untracked)


def read_worktree(source: Source) -> Worktree:
    """Return the state of a project's folder."""
    return Worktree(source, find_uncommitted(source.folder))


def require_committed(worktrees: Sequence[Worktree], tag: Tag) -> None:
    """Raise CheckFailedError, naming the files, when tracked files have changes that the released tag does not have."""
    changed = [
        str(worktree.source.folder / name)
        for worktree in worktrees
        if worktree.uncommitted is not None
        for name in worktree.uncommitted.changed
    ]
    if changed:
        raise CheckFailedError(
            f"Uncommitted changes in a release of {tag.text!r}: {_few(changed)}.",
            hint="Commit them and move the tag, or discard them: `git status` lists them. A step of a workflow that "
            "changes tracked files on purpose needs --allow-dirty.",
        )


def untracked_warnings(worktrees: Sequence[Worktree], distributions: Sequence[Distribution]) -> Iterator[str]:
    """Yield a warning for each project whose built files contain untracked files."""
    for worktree in worktrees:
        untracked = worktree.uncommitted.untracked if worktree.uncommitted is not None else ()
        candidates = [name for name in untracked if not any(sign in name for sign in _GENERATED)]
        if not candidates:
            continue
        packed = {name for each in distributions for name in _contents(each)}
        if found := [name for name in candidates if name in packed]:
            yield f"{worktree.source.folder}: the package has files that are not committed: {_few(found)}"


@contextmanager
def advice_on_versions(worktrees: Sequence[Worktree], tag: Tag | None) -> Iterator[None]:
    """Give builds that fail for want of a version from git the advice of `version_advice`."""
    try:
        yield
    except BuildFailedError as error:
        output = f"{error.message}\n{error.output}".lower()
        if any(sign in output for sign in _SIGNS_OF_GIT_VERSIONS) and (advice := version_advice(worktrees, tag)):
            error.hint = advice
        raise


def version_advice(worktrees: Sequence[Worktree], tag: Tag | None) -> str | None:
    """Return why a version that is not in pyproject.toml does not match the tag; None if it is written there."""
    decided = [
        worktree for worktree in worktrees if worktree.source.version is None and worktree.uncommitted is not None
    ]
    if not decided:
        return None
    folder = decided[0].source.folder
    start = "The project's version is decided by its build backend, probably from git"
    if changed := [name for worktree in decided if worktree.uncommitted for name in worktree.uncommitted.changed]:
        return f"{start}, which sees uncommitted changes: {_few(changed)}. Commit or discard them."
    named = None if tag is None else commit_of(folder, f"refs/tags/{tag.text}")
    if named is not None and named != commit_of(folder, "HEAD"):
        return f"{start}, but the checked-out commit does not have that tag. Check out the tag."
    if is_shallow(folder) or (tag is not None and named is None):
        return f"{start}, which doesn't have the tags here: check out with `fetch-depth: 0` and `fetch-tags: true`."
    return f"{start}. Tag the commit to release, and configure the backend's version source for that form of tag."


def _contents(distribution: Distribution) -> Iterator[str]:
    """Yield the names that the files in a distribution may have in the project's folder."""
    if distribution.kind is Kind.WHEEL:
        with zipfile.ZipFile(distribution.path) as wheel:
            yield from (top + name for name in wheel.namelist() for top in ("", *_PACKAGE_FOLDERS))
    elif distribution.path.suffix == ".zip":
        with zipfile.ZipFile(distribution.path) as sdist:
            yield from (name.partition("/")[2] for name in sdist.namelist())
    else:
        with tarfile.open(distribution.path) as archive:
            yield from (name.partition("/")[2] for name in archive.getnames())


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
