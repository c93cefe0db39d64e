"""The projects and files that a command checks."""

from pathlib import Path

import pytest

from publisher.checks.targets import CheckTargets, find_targets
from publisher.errors import ConfigurationError

PROJECT = '[project]\nname = "x"\nversion = "1"\n'


def _project(folder: Path, text: str = PROJECT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own current folder, with a project."""
    folder = _project(tmp_path / "here")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("here")
def test_without_arguments_it_is_the_current_folder() -> None:
    assert find_targets([]) == CheckTargets([Path()], [], [])


def test_built_files_and_projects_are_kept_apart(here: Path) -> None:
    built = [Path(name) for name in ("a-1-py3-none-any.whl", "a-1.tar.gz", "a-1.zip")]
    assert find_targets(built) == CheckTargets([], built, [])
    assert find_targets([built[0], here]) == CheckTargets([here], built[:1], [])


def test_a_folder_that_is_named_like_a_built_file_is_a_folder(here: Path) -> None:
    folder = _project(here / "x.zip")
    assert find_targets([folder]) == CheckTargets([folder], [], [])


def test_a_path_that_does_not_exist_is_an_error(here: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Path not found: .*absent\.") as caught:
        find_targets([here / "absent"])
    assert caught.value.hint == "Pass a project's folder, or a file in it."


def test_files_stand_for_the_nearest_project_once(here: Path) -> None:
    inner = _project(here / "packages/inner")
    for path in ("a.py", "packages/b.py", "packages/inner/src/c.py"):
        (here / path).parent.mkdir(exist_ok=True)
        (here / path).touch()
    assert find_targets([Path("a.py"), Path("packages/b.py")]) == CheckTargets([Path()], [], [])
    assert find_targets([Path("packages/inner/src/c.py")]) == CheckTargets([Path("packages/inner")], [], [])
    assert find_targets([inner / "src/c.py", here / "a.py"]) == CheckTargets([inner, here], [], [])
    assert find_targets([Path("a.py"), Path()]).projects == [Path()]


def test_a_file_in_a_folder_below_finds_the_project_above_the_current_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "src").mkdir()
    (here / "src/a.py").touch()
    monkeypatch.chdir(here / "src")
    assert find_targets([Path("a.py")]) == CheckTargets([here], [], [])


def test_a_file_of_no_project_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.py").touch()
    assert find_targets([tmp_path / "a.py"]) == CheckTargets([], [], [])


@pytest.mark.parametrize(
    ("name", "is_data"),
    [*((name, True) for name in ("test", "tests", "testing", "testdata", "test_data", "fixtures")), ("tested", False)],
)
def test_a_project_in_the_data_of_tests_is_none(here: Path, name: str, is_data: object) -> None:
    inner = _project(here / name / "one")
    (inner / "a.py").touch()
    assert (find_targets([inner / "a.py"]).projects == [here]) is is_data
    assert find_targets([inner]).projects == [inner]  # unless it is named itself


def test_a_workspace_stands_for_its_projects_and_stays_a_root(tmp_path: Path) -> None:
    one = _project(tmp_path / "packages/one")
    root = _project(tmp_path, '[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    assert find_targets([root]) == CheckTargets([one], [], [root])
    assert find_targets([root, one]) == CheckTargets([one], [], [root])


def test_a_folder_without_a_project_is_checked_so_that_a_rule_says_why(tmp_path: Path) -> None:
    assert find_targets([tmp_path]).projects == [tmp_path]
