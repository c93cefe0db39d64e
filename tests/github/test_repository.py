"""A repository that is set up to publish: its projects, the files to write, and the steps that remain."""

from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from publisher.cli.run.remaining_steps import remaining_steps
from publisher.errors import ConfigurationError
from publisher.github.init import HOOKS, InitOptions, Repository, file_changes, find_repository
from publisher.github.provenance import ActionRef
from publisher.project.pyproject import Source

ACTION = ActionRef("acme/index", "0a" * 20)
OPTIONS = InitOptions({"index-url": "https://acme.example/"}, ACTION, "v1.0")


def _project(folder: Path, text: str = '[project]\nname = "a"\nversion = "1.0"\n') -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "repository"
    (folder / ".git").mkdir(parents=True)
    return folder


def test_a_project_at_the_root_is_the_only_one(root: Path) -> None:
    _project(root)
    _project(root / "below")
    found = find_repository(root)
    assert (found.root, [source.folder for source in found.sources]) == (root, [root])
    assert (found.workspace, found.folders) == (None, ["."])


def test_projects_below_the_root_are_found_in_the_order_of_their_names(root: Path) -> None:
    for name in ("b", "a/deep", "c"):
        _project(root / name)
    _project(root / "c/inner")
    found = find_repository(root)
    assert found.folders == ["a/deep", "b", "c"]
    assert find_repository(root / "a").folders == ["a/deep"]


@pytest.mark.parametrize(
    "foreign",
    ["build", "dist", "node_modules", "site-packages", "tests", "test", "docs", "examples", ".hidden", "_private"],
)
def test_folders_that_hold_no_projects_of_its_own_are_passed_over(root: Path, foreign: str) -> None:
    _project(root / foreign / "x")
    _project(root / "own")
    assert find_repository(root).folders == ["own"]


@pytest.mark.parametrize("mark", ["pyvenv.cfg", ".git"])
def test_environments_and_submodules_are_passed_over(root: Path, mark: str) -> None:
    _project(root / "foreign/x")
    (root / "foreign" / mark).touch()
    _project(root / "own")
    assert find_repository(root).folders == ["own"]


def test_links_and_private_projects_are_passed_over(root: Path) -> None:
    _project(root / "own")
    (root / "linked").symlink_to("own", target_is_directory=True)
    _project(root / "private", '[project]\nname = "p"\nclassifiers = ["Private :: Do Not Upload"]\n')
    _project(root / "settings", "[tool.ruff]\n")
    assert find_repository(root).folders == ["own"]


def test_a_workspace_stands_for_its_projects(root: Path) -> None:
    for name in ("packages/a", "packages/b"):
        _project(root / name)
    _project(root, '[tool.pypi-publish]\npackages = ["packages/*"]\n')
    found = find_repository(root)
    assert (found.workspace, found.folders, len(found.sources)) == (root, ["."], 2)


def test_outside_of_git_and_without_a_project_there_is_nothing_to_set_up(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No Python project in") as caught:
        find_repository(root)
    assert "[build-system]" in str(caught.value.hint)
    _project(tmp_path / "outside")
    with pytest.raises(ConfigurationError, match="is not in a git repository") as caught:
        find_repository(tmp_path / "outside")
    assert "git init" in str(caught.value.hint)


def test_the_git_of_a_worktree_is_a_file(tmp_path: Path) -> None:
    _project(tmp_path / "worktree/package")
    (tmp_path / "worktree/.git").write_text("gitdir: elsewhere\n")
    assert find_repository(tmp_path / "worktree/package").root == (tmp_path / "worktree").resolve()


def _changed(root: Path, options: InitOptions = OPTIONS) -> dict[str, str]:
    changes = file_changes(find_repository(root), options)
    return {change.path.relative_to(root).as_posix(): str(change.after) for change in changes if change.changes}


def test_the_files_of_one_project(root: Path) -> None:
    _project(root)
    files = _changed(root)
    assert list(files) == [".github/workflows/publish.yml", "pyproject.toml", ".pre-commit-config.yaml"]
    assert 'index-url = "https://acme.example/"' in files["pyproject.toml"]
    assert files["pyproject.toml"].startswith('[project]\nname = "a"\n')
    assert all(hook in files[".pre-commit-config.yaml"] for hook in HOOKS)
    assert f"rev: {'0a' * 20}  # frozen: v1.0" in files[".pre-commit-config.yaml"]
    assert "package-dir" not in files[".github/workflows/publish.yml"]
    assert "*-v[0-9]" not in files[".github/workflows/publish.yml"]


def test_files_that_are_right_do_not_change(root: Path) -> None:
    _project(root)
    for name, text in _changed(root).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    assert _changed(root) == {}


def test_without_hooks_their_file_is_left_alone(root: Path) -> None:
    _project(root)
    files = _changed(root, InitOptions(OPTIONS.keys, ACTION, hooks=False))
    assert list(files) == [".github/workflows/publish.yml", "pyproject.toml"]
    assert "environment: release " in files[".github/workflows/publish.yml"]


def test_several_projects_name_the_index_each_unless_the_root_has_a_file(root: Path) -> None:
    for name in ("a", "b"):
        _project(root / name)
    files = _changed(root)
    assert {"a/pyproject.toml", "b/pyproject.toml"} <= set(files)
    assert '"*-v[0-9]' in files[".github/workflows/publish.yml"]
    _project(root, "[tool.ruff]\n")
    assert {name for name in _changed(root) if name.endswith("pyproject.toml")} == {"pyproject.toml"}


def _source(name: str | None, version: str | None = None) -> Source:
    return Source(Path("x"), canonicalize_name(name) if name else None, Version(version) if version else None)


@pytest.mark.parametrize(
    ("sources", "prefix", "tag"),
    [
        ([_source("a", "1.2")], None, "v1.2"),
        ([_source("a")], None, "v1.0.0"),
        ([_source(None, "2.0")], None, "v2.0"),
        ([_source("a", "1.2")], "release-", "release-1.2"),
        ([_source("a", "1.2"), _source("b", "2.0")], None, "a-v1.2"),
        ([_source(None, "1.2"), _source("b", "2.0")], None, "b-v2.0"),
        ([_source(None, "1.2"), _source(None)], None, "v1.2"),
        ([_source("a", "1.2"), _source("b", "2.0")], "x ", "'x 1.2'"),
    ],
)
def test_the_tag_to_push_publishes_a_project(
    tmp_path: Path, sources: list[Source], prefix: str | None, tag: str
) -> None:
    text = remaining_steps(Repository(tmp_path, sources), ACTION, InitOptions({}, ACTION, tag_prefix=prefix))
    assert f"git tag {tag} && git push origin {tag}" in text


def test_the_steps_name_projects_environment_and_action(tmp_path: Path) -> None:
    repository = Repository(tmp_path, [_source("a", "1"), _source(None), _source("b")])
    text = remaining_steps(repository, ACTION, InitOptions({}, ACTION, environment="two words"))
    assert "https://github.com/acme/index.git" in text
    assert "environments/two%20words --silent" in text
    assert (
        "pypi-publish trust add github OWNER/REPOSITORY --workflow publish.yml --project a --project b "
        "--environment 'two words'\n"
    ) in text
    assert "pre-commit install --install-hooks" in text
    nameless = remaining_steps(Repository(tmp_path, [_source(None)]), ACTION, InitOptions({}, ACTION, hooks=False))
    assert "--project NAME " in nameless
    assert "pre-commit" not in nameless
    assert "push the new files.\n" in nameless


def test_the_steps_for_an_account_set_its_secrets(tmp_path: Path) -> None:
    options = InitOptions({}, ACTION, environment="two words", secrets=True)
    text = remaining_steps(Repository(tmp_path, [_source("a")]), ACTION, options)
    assert "trust add" not in text
    for name in ("PYPI_PUBLISH_USERNAME", "PYPI_PUBLISH_PASSWORD"):
        assert f"       gh secret set {name} --env 'two words'\n" in text
