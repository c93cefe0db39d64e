"""Releases from working trees that differ from their commit, and from clones without tags."""

from pathlib import Path

import pytest

from publisher.project.git import Uncommitted, find_uncommitted
from tests.helpers.index import RunningIndex
from tests.helpers.projects import commit, git, make_project
from tests.helpers.tool import pypi_publish

pytestmark = pytest.mark.usefixtures("index")


def _scm_project(folder: Path, name: str) -> Path:
    """Write a project whose version is decided by git."""
    project = make_project(folder, name, requires='["hatchling", "hatch-vcs"]')
    text = (project / "pyproject.toml").read_text()
    text = text.replace('version = "1.0"', 'dynamic = ["version"]')
    (project / "pyproject.toml").write_text(f'{text}\n[tool.hatch.version]\nsource = "vcs"\n')
    return project


def test_kinds_of_uncommitted_files_are_distinguished(tmp_path: Path) -> None:
    project = make_project(tmp_path / "repository/packages/acme")
    commit(tmp_path / "repository")
    assert find_uncommitted(project) == Uncommitted([], [])
    (tmp_path / "repository/elsewhere").write_text("x")
    (project / "README.md").write_text("changed")
    (project / "src/acme_widgets/__init__.py").unlink()
    (project / "src/acme_widgets/ä b.py").write_text("x")
    (project / "dist").mkdir()
    (project / "dist/acme-1.0.tar.gz").write_text("x")
    assert find_uncommitted(project) == Uncommitted(
        ["README.md", "src/acme_widgets/__init__.py"], ["src/acme_widgets/ä b.py"]
    )
    assert find_uncommitted(tmp_path) is None


def test_changed_files_stop_the_release_of_a_tag(index: RunningIndex, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", "dirty")
    commit(project)
    (project / "src/dirty/__init__.py").write_text("changed = True\n")
    stopped = pypi_publish(project, "--tag", "v1.0")
    assert stopped.code == 7
    assert "Uncommitted changes in a release of 'v1.0'" in stopped.stderr
    assert "src/dirty/__init__.py" in stopped.stderr
    assert "--allow-dirty" in stopped.stderr
    assert "Building" not in stopped.stderr
    assert not list(index.root.glob("dirty-*"))
    assert pypi_publish(project, "--tag", "v1.0", "--allow-dirty", "--dry-run").code == 0
    assert pypi_publish(project, "--dry-run").code == 0


def test_files_that_git_does_not_know_are_a_warning(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", "leftovers")
    commit(project)
    (project / "src/leftovers/generated.py").write_text("x = 1\n")
    result = pypi_publish(project, "--tag", "v1.0", "--wheel", "--dry-run")
    assert result.code == 0, result.stderr
    assert "warning:" in result.stderr
    assert "src/leftovers/generated.py" in result.stderr
    (project / ".gitignore").write_text("generated.py\n")
    commit(project)
    quiet = pypi_publish(project, "--tag", "v1.0", "--dry-run")
    assert (quiet.code, "generated.py" in quiet.stderr) == (0, False)


@pytest.mark.parametrize(
    ("change", "advice"),
    [("dirty", "README.md"), ("later", "does not have that tag"), ("shallow", "fetch-depth: 0")],
)
def test_a_version_that_git_decides_gets_advice_that_fits(tmp_path: Path, change: str, advice: str) -> None:
    project = _scm_project(tmp_path / "project", "by-git")
    commit(project)
    git(project, "tag", "v1.0")
    if change == "dirty":
        (project / "README.md").write_text("changed\n")
    elif change == "later":
        (project / "README.md").write_text("changed\n")
        commit(project)
    else:
        (project / "README.md").write_text("changed\n")
        commit(project)
        git(project, "tag", "-f", "v1.0")
        git(project, "clone", "-q", "--depth", "1", "--no-tags", project.as_uri(), str(tmp_path / "clone"))
        project = tmp_path / "clone"
    result = pypi_publish(project, "--tag", "v1.0", "--allow-dirty", "--dry-run")
    assert result.code == 7, result.stderr
    assert advice in result.stderr
    assert "Set the project's version" not in result.stderr
