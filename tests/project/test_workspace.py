"""The projects of a workspace's root, and which folders are one."""

from pathlib import Path

import pytest

from publisher.errors import ConfigurationError
from publisher.project.workspace import find_projects, is_for_publishing, uv_members, workspace_projects

PACKAGES = '[tool.pypi-publish]\npackages = ["packages/*"]\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with three projects in ``packages``."""
    for name in ("a", "b", "c"):
        folder = tmp_path / "packages" / name
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    return tmp_path


def _names(found: list[Path] | None) -> list[str] | None:
    return None if found is None else [folder.name for folder in found]


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ('[tool.uv.workspace]\nmembers = ["packages/*"]\n', ["a", "b", "c"]),
        ('[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/b", "packages/x"]\n', ["a", "c"]),
        (
            '[tool.uv.workspace]\nmembers = ["packages/c", "packages/[ab]", 1]\nexclude = "packages/a"\n',
            ["c", "a", "b"],
        ),
        ("[tool.uv.workspace]\nmembers = []\n", []),
        ('[tool.uv.workspace]\nexclude = ["packages/a"]\n', None),
        ('[tool.uv.workspace]\nmembers = "packages/*"\n', None),
        ("[tool.uv]\n", None),
        ("tool = 1\n", None),
        ("", None),
        ("[", None),
    ],
)
def test_members_of_a_workspace_of_uv(root: Path, text: str, members: list[str] | None) -> None:
    (root / "pyproject.toml").write_text(text)
    assert _names(uv_members(root)) == members


@pytest.mark.parametrize(
    ("text", "projects"),
    [
        (PACKAGES, ["a", "b", "c"]),
        ('[tool.pypi-publish]\npackages = ["packages/*", "!packages/a"]\n', ["b", "c"]),
        ('[tool.pypi-publish]\npackages = ["packages/c", "packages/a"]\n', ["c", "a"]),
        (f'[project]\nname = "x"\n{PACKAGES}', ["a", "b", "c"]),
        ('[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/c"]\n', ["a", "b"]),
        ('[project]\nname = "x"\n[tool.uv.workspace]\nmembers = ["packages/*"]\n', None),
        (
            '[project]\nname = "x"\n[tool.uv]\npackage = true\n[tool.uv.workspace]\nmembers = ["packages/*"]\n',
            None,
        ),
        ('[tool.hatch.envs.a]\n[tool.hatch.envs.b.workspace]\nmembers = ["packages/b"]\n', ["b"]),
        ("[tool.hatch.envs.a]\n", None),
        ("[tool.hatch.envs.a.workspace]\nmembers = []\n", None),
        ("[tool.uv.workspace]\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_root_says_in_one_of_four_ways_which_projects_it_has(
    root: Path, text: str, projects: list[str] | None
) -> None:
    (root / "pyproject.toml").write_text(text)
    assert _names(workspace_projects(root)) == projects


@pytest.mark.parametrize(
    ("text", "said_by"),
    [
        ('[tool.pypi-publish]\npackages = ["none/*"]\n', "`packages` of [tool.pypi-publish]"),
        ('[tool.uv.workspace]\nmembers = ["none/*"]\n', "[tool.uv.workspace]"),
        ('[tool.hatch.envs.a.workspace]\nmembers = ["none/*"]\n', "the workspace of [tool.hatch.envs]"),
    ],
)
def test_a_pattern_without_projects_is_reported_with_the_table_that_has_it(root: Path, text: str, said_by: str) -> None:
    (root / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        workspace_projects(root)
    assert caught.value.message.startswith(f"{said_by} in {root / 'pyproject.toml'}: no folder that 'none/*' matches")
    assert "packages/*" in str(caught.value.hint)


def test_a_workspace_whose_projects_are_all_left_out_is_reported(root: Path) -> None:
    (root / "pyproject.toml").write_text('[tool.pypi-publish]\npackages = ["packages/*", "!packages/?"]\n')
    with pytest.raises(ConfigurationError, match="contains no project to publish"):
        workspace_projects(root)


def test_folders_without_a_project_in_a_pattern_are_passed_over(root: Path) -> None:
    (root / "packages/notes").mkdir()
    (root / "packages/file").write_text("x")
    (root / "pyproject.toml").write_text(PACKAGES)
    assert _names(workspace_projects(root)) == ["a", "b", "c"]


def test_a_root_and_one_of_its_projects_are_each_project_once(root: Path) -> None:
    (root / "pyproject.toml").write_text(PACKAGES)
    assert _names(find_projects([root / "packages/b", root])) == ["b", "a", "c"]
    assert find_projects([]) == []


@pytest.mark.parametrize(
    ("text", "publishes"),
    [
        ('[project]\nclassifiers = ["Private :: Do Not Upload"]\n', False),
        ('[project]\nclassifiers = ["Private :: Do Not Upload", "Topic :: Games"]\n', False),
        ('[project]\nclassifiers = ["Private :: Do Not Upload ever"]\n', True),
        ('[project]\nclassifiers = "Private :: Do Not Upload"\n', True),
        ("[tool.uv]\npackage = false\n", False),
        ("[tool.uv]\npackage = true\n", True),
        ("[project]\nclassifiers = []\n[tool.uv]\npackage = false\n", False),
        ("", True),
    ],
)  # fmt: skip
def test_classifiers_and_uv_keep_a_project_from_being_published(tmp_path: Path, text: str, *, publishes: bool) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert is_for_publishing(tmp_path) is publishes
