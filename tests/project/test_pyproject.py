"""A project's folder before it is built: what it is, and what its pyproject.toml says."""

from pathlib import Path

import pytest

from publisher.errors import ConfigurationError
from publisher.project.pyproject import (
    build_backend_module,
    declared_build_requirements,
    declared_version,
    describes_project,
    is_project,
    read_pyproject,
    read_source,
    require_project,
)


def _write(folder: Path, text: str, name: str = "pyproject.toml") -> Path:
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("name", "text", "holds", "describes"),
    [
        ("pyproject.toml", '[project]\nname = "a"\n', True, True),
        ("pyproject.toml", "[build-system]\nrequires = []\n", True, True),
        ("pyproject.toml", "[tool.ruff]\n", True, False),
        ("setup.py", "", True, True),
        ("setup.cfg", "", False, False),
    ],
)
def test_a_folder_holds_a_project_or_only_settings(
    tmp_path: Path, name: str, text: str, *, holds: bool, describes: bool
) -> None:
    _write(tmp_path, text, name)
    assert (is_project(tmp_path), describes_project(tmp_path)) == (holds, describes)
    if holds:
        require_project(tmp_path)
    else:
        with pytest.raises(ConfigurationError, match=r"is not a Python project: it has no pyproject\.toml"):
            require_project(tmp_path)


def test_settings_beside_a_setup_script_are_a_project(tmp_path: Path) -> None:
    _write(_write(tmp_path, "[tool.ruff]\n"), "", "setup.py")
    assert describes_project(tmp_path)


def test_folders_named_like_the_files_are_no_project(tmp_path: Path) -> None:
    (tmp_path / "setup.py").mkdir()
    assert not is_project(tmp_path)
    assert not describes_project(tmp_path)


def test_a_file_and_a_missing_folder_are_distinguished(tmp_path: Path) -> None:
    (tmp_path / "file.whl").write_text("x")
    with pytest.raises(ConfigurationError, match=r"file\.whl is a file, not a folder") as caught:
        require_project(tmp_path / "file.whl")
    assert "pypi-publish upload" in str(caught.value.hint)
    with pytest.raises(ConfigurationError, match="missing does not exist"):
        require_project(tmp_path / "missing")


def test_no_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert read_pyproject(tmp_path) == read_pyproject(tmp_path / "missing") == read_pyproject(tmp_path / "file") == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"a = 1\nb = \n", 2),
        (b"a = 1\na = 1\n", 2),
        (b"a = 1\n\n[b\n", 3),
        (b'a = 1\nb = """x\ny\n', 3),
        (b"a = [\n", 1),
        (b"[", 1),
    ],
)
def test_invalid_toml_is_reported_with_its_line(tmp_path: Path, text: bytes, line: int) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text)
    with pytest.raises(ConfigurationError, match="is not valid TOML") as caught:
        read_pyproject(tmp_path)
    assert (caught.value.path, caught.value.line) == (tmp_path / "pyproject.toml", line)
    assert caught.value.hint == "Fix that line."


def test_bytes_that_are_no_text_are_reported_without_a_line(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"a = '\xff'\n")
    with pytest.raises(ConfigurationError, match="is not valid TOML") as caught:
        read_pyproject(tmp_path)
    assert (caught.value.path, caught.value.line) == (tmp_path / "pyproject.toml", None)


def test_values_within_values_without_end_are_reported(tmp_path: Path) -> None:
    _write(tmp_path, f"a = {'[' * 20_000}{']' * 20_000}\n")
    with pytest.raises(ConfigurationError, match="nested too deeply") as caught:
        read_pyproject(tmp_path)
    assert caught.value.path == tmp_path / "pyproject.toml"


def test_a_file_that_cannot_be_read_is_reported_with_the_cause(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(ConfigurationError, match="can't be read: Is a directory"):
        read_pyproject(tmp_path)


def test_each_reader_gets_the_file_as_it_is_in_a_document_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool]\nnames = [1]\n")
    first = read_pyproject(tmp_path)
    first["tool"]["names"].append(2)
    assert read_pyproject(tmp_path) == {"tool": {"names": [1]}}
    file.write_text("[tool]\nnames = [3]\n")
    assert read_pyproject(tmp_path) == {"tool": {"names": [3]}}


def test_the_table_of_the_standard_comes_before_that_of_poetry(tmp_path: Path) -> None:
    source = read_source(_write(tmp_path, '[tool.poetry]\nname = "b"\nversion = "2"\n[project]\nname = "a"\n'))
    assert (source.name, source.version) == ("a", None)
    assert (source.folder, source.file) == (tmp_path, tmp_path / "pyproject.toml")


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ('[build-system]\nrequires = ["a", "b>=1"]\n', ["a", "b>=1"]),
        ("[build-system]\nrequires = []\n", []),
        ("[build-system]\nrequires = [1]\n", None),
        ('[build-system]\nrequires = ["a", 1]\n', None),
        ('[build-system]\nrequires = "a"\n', None),
        ("[build-system]\n", None),
        ("", None),
        ("[", None),
    ],
)
def test_build_requirements_count_when_they_are_valid(tmp_path: Path, text: str, required: list[str] | None) -> None:
    assert declared_build_requirements(_write(tmp_path, text)) == required


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('[project]\nversion = "1.0-rc1"\n', "1.0-rc1"),
        ("[project]\nversion = 1\n", None),
        ('[project]\nname = "a"\n', None),
        ("", None),
    ],
)
def test_the_version_as_it_is_written(tmp_path: Path, text: str, version: str | None) -> None:
    assert declared_version(_write(tmp_path, text)) == version


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ('[build-system]\nbuild-backend = "hatchling.build"\n', "hatchling.build"),
        ('[build-system]\nbuild-backend = "a.b:backend"\n', "a.b"),
        ("[build-system]\nrequires = []\n", "setuptools.build_meta"),
        ("", "setuptools.build_meta"),
        ('[build-system]\nbuild-backend = "own"\nbackend-path = ["."]\n', None),
    ],
)
def test_the_module_of_a_build_backend(tmp_path: Path, text: str, module: str | None) -> None:
    assert build_backend_module(_write(tmp_path, text)) == module
