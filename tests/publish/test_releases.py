"""Yanking, deleting and listing with the real command."""

from pathlib import Path

from tests.helpers.dists import make_sdist, make_wheel
from tests.helpers.index import RunningIndex
from tests.helpers.tool import pypi_publish


def test_a_release_is_yanked_and_unyanked(index: RunningIndex, tmp_path: Path) -> None:
    pypi_publish("upload", make_wheel(tmp_path, "yankable"))
    yanked = pypi_publish("yank", "Yankable", "1.0", "--reason", "it is broken", "--json")
    assert yanked.json == {
        "project": "Yankable",
        "version": "1.0",
        "status": "yanked",
        "files": ["yankable-1.0-py3-none-any.whl"],
    }
    assert pypi_publish("list", "yankable").stdout == "yankable-1.0-py3-none-any.whl  (yanked)\n"
    assert "unyanked yankable-1.0" in pypi_publish("unyank", "yankable", "1.0").stderr
    assert pypi_publish("list", "yankable").stdout == "yankable-1.0-py3-none-any.whl\n"
    assert index.url


def test_deleting_asks_and_keeps_the_name_reserved(index: RunningIndex, tmp_path: Path) -> None:
    wheel, sdist = make_wheel(tmp_path, "deletable"), make_sdist(tmp_path, "deletable")
    pypi_publish("upload", wheel, sdist)
    asked = pypi_publish("delete", "deletable", "1.0")
    assert (asked.code, "--yes" in asked.stderr) == (2, True)
    assert pypi_publish("delete", "deletable", "1.0", wheel.name, "--yes").code == 0
    assert pypi_publish("list", "deletable").stdout == f"{sdist.name}\n"
    assert pypi_publish("delete", "deletable", "1.0", "--yes").code == 0
    gone = pypi_publish("list", "deletable")
    assert (gone.code, "has no project deletable" in gone.stderr) == (2, True)
    again = pypi_publish("upload", wheel)
    assert (again.code, "was deleted" in again.stderr) == (5, True)
    assert "raise the version" in again.stderr
    assert "--skip-existing" not in again.stderr  # there is no file of the index to keep
    assert not list(index.root.glob("deletable*"))


def test_missing_files_are_reported(index: RunningIndex) -> None:
    for command in (["yank", "nothing", "1.0"], ["unyank", "nothing", "1.0"], ["delete", "nothing", "1.0", "--yes"]):
        result = pypi_publish(*command)
        assert (result.code, "has no nothing 1.0" in result.stderr) == (2, True)
    assert index.url


def test_projects_are_listed(index: RunningIndex, tmp_path: Path) -> None:
    pypi_publish("upload", make_wheel(tmp_path, "in_the_list"))
    assert "in-the-list" in pypi_publish("list").stdout.splitlines()
    assert "in-the-list" in pypi_publish("list", "--json").json["projects"]
    assert index.url
