"""Projects and built files selected by the arguments of `check`."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from publisher.errors import ConfigurationError
from publisher.project.pyproject import FILENAME
from publisher.project.workspace import find_projects

_BUILT = (".whl", ".tar.gz", ".zip")
_TESTS = frozenset({"test", "tests", "testing", "testdata", "test_data", "fixtures"})


class CheckTargets(NamedTuple):
    """The folders of projects, the paths of wheels and sdists, and the roots of workspaces that are no projects."""

    projects: Sequence[Path]
    files: Sequence[Path]
    roots: Sequence[Path] = ()


def find_targets(arguments: Sequence[Path]) -> CheckTargets:
    """
    Return the projects and files to check: by default the current folder, and for a workspace's root its projects.

    A file that is neither a wheel nor an sdist selects its project, so that a hook may pass the files that were
    changed; one outside all projects is left out.

    Raises ConfigurationError for a path that does not exist.
    """
    files = [path for path in arguments if path.name.endswith(_BUILT) and not path.is_dir()]
    others = [path for path in arguments if path not in files]
    for path in others:
        if not path.exists():
            raise ConfigurationError(f"Path not found: {path}.", hint="Pass a project's folder, or a file in it.")
    folders = [path if path.is_dir() else _project_of(path) for path in others] if arguments else [Path()]
    named = list(dict.fromkeys(folder for folder in folders if folder is not None))
    projects = list(dict.fromkeys(project for folder in named for project in _projects_of(folder)))
    return CheckTargets(projects, files, [folder for folder in named if folder not in projects])


def _projects_of(folder: Path) -> list[Path]:
    """Return the projects of a folder; the folder itself where they can't be found, so that a rule says why."""
    try:
        return find_projects([folder])
    except ConfigurationError:
        return [folder]


def _project_of(path: Path) -> Path | None:
    """Return the project of a file, as messages show it: the nearest one above, but not a project in test data."""
    above = [*path.parents, *(() if path.is_absolute() else path.absolute().parents)]
    projects = [folder for folder in above if (folder / FILENAME).is_file()]
    for number, folder in enumerate(projects):
        others = [other.absolute() for other in projects[number + 1 :]]
        if not any(_is_test_data(folder.absolute(), other) for other in others):
            return folder
    return None


def _is_test_data(folder: Path, project: Path) -> bool:
    """Return whether a folder is below the tests of a project around it."""
    return folder.is_relative_to(project) and not _TESTS.isdisjoint(folder.relative_to(project).parts)
