"""
Each hook and stage, passing and failing, with real pre-commit and prek.

The first test of each makes the hooks' environments, which takes some seconds; every test starts several programs.
"""

from pathlib import Path

import pytest
import yaml

from tests.helpers.dists import make_wheel
from tests.helpers.http import Client
from tests.helpers.index import RunningIndex
from tests.hooks.conftest import HOOKS, PASSWORD, USER, Repository

ROOT = Path(__file__).parents[2]


def test_the_hooks_are_those_that_init_writes() -> None:
    offered = [hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())]
    assert offered == [*HOOKS]


def _name(repository: Repository) -> str:
    return repository.folder.parent.name.replace("_", "-").strip("-")


def test_a_commit_is_held_back(repository: Repository) -> None:
    passed = repository.hooks("run", "--all-files")
    assert passed.code == 0, passed.everything
    assert "Passed" in passed.everything

    repository.change("pyproject.toml", 'version = "1.0"', 'version = "one"')
    refused = repository.git("commit", "--all", "--message", "a version")
    assert refused.code != 0
    assert "pyproject.toml:7: PP106 'one' is not a version" in refused.everything
    assert "Traceback" not in refused.everything

    repository.change("pyproject.toml", 'version = "one"', 'version = "1.1"')
    done = repository.git("commit", "--all", "--message", "a version")
    assert done.code == 0, done.everything


def test_a_readme_alone_is_looked_at_and_other_files_are_not(repository: Repository) -> None:
    repository.change("README.md", "# A project", "# A pr\u00f6ject")
    (repository.folder / "README.md").write_bytes("# A pr\u00f6ject\n".encode("latin-1"))
    refused = repository.git("commit", "--all", "--message", "words")
    assert refused.code != 0
    assert "README.md:1: PP403 file is not valid UTF-8" in refused.everything
    repository.git("checkout", "--", "README.md")
    repository.git("reset", "--hard")

    (repository.folder / "notes.txt").write_text("x\n")
    repository.git("add", "notes.txt")
    skipped = repository.hooks("run")
    assert skipped.code == 0, skipped.everything
    assert "Skipped" in skipped.everything
    assert "Passed" not in skipped.everything


def test_a_push_is_held_back(repository: Repository, index: RunningIndex, tmp_path: Path) -> None:
    project = f"hooked-{_name(repository)}"
    wheel = make_wheel(tmp_path, project.replace("-", "_"), "1.5")
    assert Client(index.url, (USER, PASSWORD)).upload(wheel).status_code == 200
    (repository.folder / "notes.txt").write_text("x\n")
    repository.git("add", "notes.txt")
    assert repository.git("commit", "--message", "notes").code == 0

    lower = repository.git("push", "origin", "HEAD:main")
    assert lower.code != 0
    assert "PP602 the version is 1.0, but the index has 1.5" in lower.everything

    repository.change("pyproject.toml", 'version = "1.0"', 'version = "1.6"')
    assert repository.git("commit", "--all", "--message", "1.6").code == 0
    repository.git("tag", "v1.7")
    wrong = repository.git("push", "origin", "HEAD:main", "v1.7")
    assert wrong.code != 0
    assert "PP603 the version is 1.6, but the tag 'v1.7' names 1.7" in wrong.everything

    repository.git("tag", "--delete", "v1.7")
    repository.git("tag", "v1.6")
    done = repository.git("push", "origin", "HEAD:main", "v1.6")
    assert done.code == 0, done.everything
    assert "v1.6" in repository.git("ls-remote", "--tags", "origin").stdout


def test_offline_and_without_an_index_a_push_goes_through(repository: Repository) -> None:
    stage = ("run", "pypi-publish-version", "--hook-stage", "manual", "--verbose")
    offline = repository.hooks(*stage, PYPI_PUBLISH_INDEX_URL="http://127.0.0.1:9/")
    assert offline.code == 0, offline.everything
    assert "PP604 skipped: " in offline.everything
    lines = (repository.folder / "pyproject.toml").read_text().splitlines(keepends=True)
    (repository.folder / "pyproject.toml").write_text("".join(line for line in lines if "index-url" not in line))
    repository.git("add", "pyproject.toml")  # what is not staged is put away while hooks run
    unnamed = repository.hooks(*stage)
    assert unnamed.code == 0, unnamed.everything
    assert "PP604 skipped: No index URL is set" in unnamed.everything
    assert "Traceback" not in unnamed.everything


def test_the_build_check_runs_by_hand(repository: Repository) -> None:
    stage = ("run", "pypi-publish-build", "--hook-stage", "manual")
    done = repository.hooks(*stage)
    assert done.code == 0, done.everything
    package = next((repository.folder / "src").iterdir())
    (package / "inner").mkdir()
    (package / "inner" / "module.py").write_text("")
    with (repository.folder / "pyproject.toml").open("a") as file:
        file.write(f'\n[tool.hatch.build]\nexclude = ["/src/{package.name}/inner"]\n')
    repository.git("add", "--all")
    failed = repository.hooks(*stage)
    assert failed.code != 0
    assert f"PP705 the wheel lacks src/{package.name}/inner/module.py" in failed.everything


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_is_a_plain_command(hook: str) -> None:
    [entry] = [
        each["entry"] for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()) if each["id"] == hook
    ]
    assert entry.startswith("pypi-publish check --only ")
