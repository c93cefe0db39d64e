import os
from pathlib import Path

import pytest

from publisher.errors import ConfigurationError
from publisher.project.config import ProjectConfig, combine_configs, read_project_config


def _read(folder: Path, text: str) -> ProjectConfig:
    (folder / "pyproject.toml").write_text(text)
    return read_project_config(folder)


def test_a_table_is_read(tmp_path: Path) -> None:
    config = _read(tmp_path, '[tool.pypi-publish]\nindex-url = "https://a.example/"\nskip-existing = true\n')
    assert config == ProjectConfig(index_url="https://a.example/", skip_existing=True)


def test_no_table_and_no_file_say_nothing(tmp_path: Path) -> None:
    assert _read(tmp_path, "[project]\n") == ProjectConfig()
    assert read_project_config(tmp_path / "missing") == ProjectConfig()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('index_url = "https://a.example/"', "unknown key 'index_url'"),
        ("index-url = 1", "must be a string"),
        ('skip-existing = "yes"', "must be true or false"),
        ('password = "secret"', "contains a password"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        _read(tmp_path, f"[tool.pypi-publish]\n{table}\n")


def test_a_close_key_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _read(tmp_path, '[tool.pypi-publish]\nindex_url = "x"\n')
    assert caught.value.hint == "Did you mean 'index-url'?"


def test_a_file_that_is_no_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="line 2"):
        _read(tmp_path, "[project]\nname = \n")


def test_projects_that_disagree_are_refused() -> None:
    one, other = ProjectConfig(index_url="https://a.example/"), ProjectConfig(index_url="https://b.example/")
    with pytest.raises(ConfigurationError, match="disagree about 'index-url'"):
        combine_configs([one, other], ProjectConfig())
    assert combine_configs([one, ProjectConfig()], other) == one
    assert combine_configs([ProjectConfig()], other) == other


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pyproject.toml")
    with pytest.raises(ConfigurationError, match="named pipe"):
        read_project_config(tmp_path)
