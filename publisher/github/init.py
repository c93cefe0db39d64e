"""The files with which a repository publishes on a tag: a workflow, a table, and hooks."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from publisher.errors import ConfigurationError
from publisher.files.changes import FileChange, read_text
from publisher.files.toml import set_keys
from publisher.github.pre_commit import FILENAME as HOOKS_FILE
from publisher.github.pre_commit import add_hooks
from publisher.github.provenance import ActionRef
from publisher.github.workflow import PATH, Workflow
from publisher.project.config import TABLE
from publisher.project.pyproject import FILENAME, Source, describes_project, read_source
from publisher.project.workspace import is_for_publishing, workspace_projects

HOOKS = ("pypi-publish-check", "pypi-publish-version")

_NO_PROJECTS = frozenset({"build", "dist", "node_modules", "site-packages", "tests", "test", "docs", "examples"})


class Repository(NamedTuple):
    """A git repository's root, the projects in it that are published, and the root of their workspace if it has one."""

    root: Path
    sources: Sequence[Source]
    workspace: Path | None = None

    @property
    def folders(self) -> list[str]:
        """The folders to publish, below the root, in POSIX form: a workspace's root selects its projects."""
        folders = [self.workspace] if self.workspace else [source.folder for source in self.sources]
        return [folder.relative_to(self.root).as_posix() for folder in folders]


@dataclass(frozen=True)
class InitOptions:
    """The index and user that go into ``[tool.pypi-publish]``, and the workflow's values."""

    keys: Mapping[str, str] = field(default_factory=dict)
    action: ActionRef | None = None
    version: str | None = None
    environment: str = "release"
    hooks: bool = True
    tag_prefix: str | None = None
    secrets: bool = False


def find_repository(folder: Path) -> Repository:
    """
    Return the git repository around a folder, with the project in the folder, else those below it.

    Raises ConfigurationError outside git, and without a project.
    """
    folder = folder.resolve()
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
    if root is None:
        raise ConfigurationError(f"{folder} is not in a git repository.", hint="Create one first: `git init`.")
    members = workspace_projects(folder)
    sources = [read_source(project) for project in members or _projects(folder)]
    if not sources:
        raise ConfigurationError(
            f"No Python project in {folder} or below.",
            hint="A project has a pyproject.toml with a [project] or [build-system] table.",
        )
    return Repository(root, sources, folder if members else None)


def file_changes(repository: Repository, options: InitOptions) -> list[FileChange]:
    """
    Return the files to write; one that is right already does not change.

    Raises ConfigurationError when a file can't be read or added to.
    """
    assert options.action is not None  # noqa: S101 - for the type checker: the command sees to it
    workflow = Workflow(
        options.action,
        options.version,
        options.environment,
        repository.folders,
        has_several_projects=len(repository.sources) > 1,
        tag_prefix=options.tag_prefix,
        secrets=options.secrets,
    )
    path = repository.root / PATH
    changes = [FileChange(path, read_text(path), workflow.render())]
    for path in _tables(repository):
        table_before = read_text(path)
        changes.append(FileChange(path, table_before, set_keys(table_before or "", TABLE.split("."), options.keys)))
    if options.hooks:
        path = repository.root / HOOKS_FILE
        before_hooks = read_text(path)
        after = add_hooks(before_hooks, options.action.url, options.action.commit, options.version, HOOKS)
        changes.append(FileChange(path, before_hooks, after))
    return changes


def _tables(repository: Repository) -> list[Path]:
    """Return the files that name the index: the root's, which the projects fall back to, else each project's own."""
    root = repository.root / FILENAME
    return [root] if root.exists() else [source.file for source in repository.sources]


def _projects(folder: Path) -> Iterator[Path]:
    if describes_project(folder):
        if is_for_publishing(folder):
            yield folder
        return
    for below in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if below.is_dir(follow_symlinks=False) and not _is_foreign(Path(below)):
            yield from _projects(Path(below))


def _is_foreign(folder: Path) -> bool:
    """Return whether a folder has no projects to publish: a tool's folder, a virtual environment, a submodule."""
    if folder.name in _NO_PROJECTS or folder.name[0] in "._":
        return True
    return (folder / "pyvenv.cfg").exists() or (folder / ".git").exists()
