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


EVERY_KEY = """\
[tool.pypi-publish]
index-url = "https://a.example/"
username = "ada"
require-tag = true
skip-existing = false
tag-prefix = "release-"
trusted-publishing = "never"
packages = ["a", "b/*"]
check = { ignore = { PP101 = "a reason" } }
"""


def test_every_key_reaches_its_field(tmp_path: Path) -> None:
    assert _read(tmp_path, EVERY_KEY) == ProjectConfig(
        index_url="https://a.example/",
        username="ada",
        require_tag=True,
        skip_existing=False,
        tag_prefix="release-",
        trusted_publishing="never",
        packages=("a", "b/*"),
        check={"ignore": {"PP101": "a reason"}},
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('index-url = ""', "'index-url' in .* must be a string, not ''"),
        ('index-url = "  "', "must be a string"),
        ("username = true", "must be a string"),
        ("require-tag = 1", "must be true or false"),
        ('tag-prefix = ["a"]', "must be a string"),
        ('trusted-publishing = "sometimes"', "must be auto, always or never"),
        ("packages = []", "a list of folders"),
        ('packages = ["a", ""]', "a list of folders"),
        ('packages = { a = "b" }', "a list of folders"),
        ('check = "PP101"', "a table with `ignore`"),
        ("check = { other = 1 }", "a table with `ignore`"),
        ('check = { ignore = ["PP101"] }', "a table with `ignore`"),
        ('password = ""', "contains a password"),
    ],
)
def test_each_value_has_its_type(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        _read(tmp_path, f"[tool.pypi-publish]\n{table}\n")
    assert caught.value.path == tmp_path / "pyproject.toml"


@pytest.mark.parametrize("mode", ["auto", "always", "never"])
def test_each_use_of_trusted_publishing_is_a_value(tmp_path: Path, mode: str) -> None:
    assert _read(tmp_path, f'[tool.pypi-publish]\ntrusted-publishing = "{mode}"\n').trusted_publishing == mode


def test_a_table_of_rules_may_be_empty(tmp_path: Path) -> None:
    assert _read(tmp_path, "[tool.pypi-publish.check]\n").check == {}


def test_another_value_in_the_place_of_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\[tool\.pypi-publish\] must be a table") as caught:
        _read(tmp_path, "[tool]\npypi-publish = 1\n")
    assert caught.value.path == tmp_path / "pyproject.toml"
    assert _read(tmp_path, "tool = 1\n") == ProjectConfig()


def test_a_key_like_no_other_gets_the_list_of_keys(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _read(tmp_path, "[tool.pypi-publish]\nzzz = 1\n")
    hint = str(caught.value.hint)
    assert hint.startswith("The keys are index-url, username, ")
    assert "check" in hint
    assert "password" not in hint


def test_projects_that_agree_have_one_configuration_and_gaps_are_filled() -> None:
    one = ProjectConfig(index_url="https://a.example/", skip_existing=False)
    other = ProjectConfig(index_url="https://a.example/", username="ada")
    fallback = ProjectConfig(index_url="https://b.example/", username="bob", skip_existing=True, require_tag=True)
    assert combine_configs([one, other], fallback) == ProjectConfig(
        index_url="https://a.example/", username="ada", skip_existing=False, require_tag=True
    )


def test_true_and_false_disagree() -> None:
    with pytest.raises(ConfigurationError, match="disagree about 'skip-existing': False and True") as caught:
        combine_configs([ProjectConfig(skip_existing=False), ProjectConfig(skip_existing=True)], ProjectConfig())
    assert "separately" in str(caught.value.hint)


def test_each_project_keeps_its_packages_and_rules_to_itself() -> None:
    configs = [ProjectConfig(packages=("a",), check={"ignore": {}}), ProjectConfig(packages=("b",))]
    combined = combine_configs(configs, ProjectConfig(packages=("c",), check={}))
    assert (combined.packages, combined.check) == (None, None)
