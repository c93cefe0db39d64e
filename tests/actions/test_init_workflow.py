"""The workflow that `pypi-publish init` writes, run unchanged; takes some seconds, as on GitHub."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.actions.conftest import RELEASE, REPOSITORY, USER, Act
from tests.helpers.index import RunningIndex
from tests.helpers.projects import commit, git, make_project
from tests.helpers.tool import pypi_publish


@pytest.mark.parametrize(
    ("folders", "tag"),
    [
        pytest.param(["."], "v1.0", marks=pytest.mark.wide),
        pytest.param(["."], "release+1.0", marks=pytest.mark.wide),
        (["packages/widgets", "packages/more gadgets"], "acme-widgets-v1.0"),
    ],
)
def test_a_tag_puts_the_package_where_pip_finds_it(
    act: Act, index: RunningIndex, tmp_path: Path, folders: list[str], tag: str
) -> None:
    repository = tmp_path / "repository"
    table = 'tag-prefix = "release+"' if tag.startswith("release") else ""
    for folder, name in zip(folders, ["acme-widgets", "acme-gadgets"], strict=False):
        make_project(repository / folder, name, table=table)
    git(repository, "init", "-q")
    done = pypi_publish(
        "init",
        "--yes",
        "--secrets",
        "--index-url",
        "https://acme.example/",
        "--action",
        f"{REPOSITORY}@{RELEASE}",
        cwd=repository,
    )
    assert done.code == 0, done.stderr
    for file in repository.rglob("pyproject.toml"):  # the runner of this test can reach an index on this machine
        file.write_text(file.read_text().replace("https://acme.example/", index.url))
    commit(repository)
    git(repository, "remote", "add", "origin", "https://github.com/acme/widgets.git")
    run = act.run(repository, ref=f"refs/tags/{tag}")
    assert run.code == 0, run.log
    assert run.summary.startswith("### ✅ Published acme-widgets 1.0\n")

    url = index.url.replace("://", f"://{USER}:correct%20horse%25%26%C3%A9@")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "installed")]
    environment = {**os.environ, "PIP_NO_INDEX": "0", "PIP_FIND_LINKS": ""}
    subprocess.run([*command, "--index-url", f"{url}simple/", "acme-widgets==1.0"], env=environment, check=True)
    assert (tmp_path / "installed" / "acme_widgets" / "__init__.py").exists()
