import os
from pathlib import Path

import pytest

from tests.helpers.projects import make_project
from tests.helpers.tool import pypi_publish

pytestmark = pytest.mark.essential


def test_the_demo_goes_the_whole_way_and_leaves_nothing(tmp_path: Path) -> None:
    # slow (an index, two builds, a new environment with pip): the whole loop
    result = pypi_publish("demo", env={"TMPDIR": str(tmp_path)})
    assert result.code == 0, result.stderr
    assert "Hello from acme-greetings 1.0.0" in result.stderr
    assert "already there" in result.stderr
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden files count


@pytest.mark.wide
def test_the_demo_takes_a_given_project(tmp_path: Path) -> None:
    # slow: as above, with the path that a given project takes
    project = make_project(tmp_path / "project", "given-project", "2.0", backend="setuptools")
    before = sorted(project.rglob("*"))
    result = pypi_publish("demo", "--project", project)
    assert result.code == 0, result.stderr
    assert "given_project-2.0" in result.stderr
    assert sorted(path for path in project.rglob("*") if "egg-info" not in str(path)) == before


def test_a_demo_that_fails_names_the_step(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", requires='["hatchling", "no-such-requirement-anywhere"]')
    result = pypi_publish("demo", "--project", project)
    assert result.code == 1
    assert "Build, check and publish" in result.stderr
    assert "no-such-requirement-anywhere" in result.stderr
