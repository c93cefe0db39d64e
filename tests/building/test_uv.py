"""uv's settings for builds, read from every file that counts, and the command that installs with them."""

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from publisher.building import uv
from publisher.building.uv import (
    UvBuildSettings,
    find_uv,
    has_uv_indexes,
    read_uv_settings,
    uv_install_command,
    uv_variables,
)
from publisher.errors import ConfigurationError
from tests.helpers.stand_ins import StandIns


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("UV_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "person"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    monkeypatch.setattr(uv, "find_uv", lambda: "/bin/uv")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "work/project"
    folder.mkdir(parents=True)
    return folder


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _config(project: Path) -> dict[str, Any]:
    return tomllib.loads(read_uv_settings(project).config)


def test_without_files_there_are_no_settings(project: Path) -> None:
    assert read_uv_settings(project) == UvBuildSettings()
    assert not has_uv_indexes([project])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("index-strategy", "unsafe-best-match"),
        ("keyring-provider", "subprocess"),
        ("allow-insecure-host", ["a"]),
        ("native-tls", True),
        ("system-certs", True),
        ("offline", False),
        ("prerelease", "allow"),
        ("resolution", "lowest"),
        ("exclude-newer", "2024-01-01"),
        ("exclude-newer-package", {"a": "2024-01-01"}),
        ("no-build", True),
        ("no-build-package", ["a"]),
        ("no-binary", True),
        ("no-binary-package", ["a"]),
        ("no-index", True),
        ("cache-dir", "/cache"),
        ("link-mode", "copy"),
    ],
)
def test_keys_that_count_for_builds_are_taken_as_they_are(project: Path, key: str, value: object) -> None:
    text = uv._toml(value)
    _write(project / "pyproject.toml", f"[tool.uv]\n{key} = {text}\n")
    assert _config(project) == {key: value}
    (project / "pyproject.toml").unlink()
    _write(project / "uv.toml", f"{key} = {text}\n")
    assert _config(project) == {key: value}


def test_keys_for_other_purposes_do_not_count(project: Path) -> None:
    _write(
        project / "pyproject.toml",
        "[tool.uv]\npackage = false\ndev-dependencies = ['a']\n[tool.uv.pip]\ntarget = 'x'\n[tool.uv.sources]\n",
    )
    assert read_uv_settings(project) == UvBuildSettings()


def test_constraints_of_builds_become_constraints(project: Path) -> None:
    _write(
        project / "pyproject.toml",
        "[tool.uv]\nbuild-constraint-dependencies = ['a<1']\nconstraint-dependencies = ['b<1']\n",
    )
    assert _config(project) == {"constraint-dependencies": ["a<1"]}


def test_values_of_the_nearest_layer_win_and_lists_add_up(project: Path, tmp_path: Path) -> None:
    _write(project / "pyproject.toml", '[tool.uv]\nresolution = "a"\nextra-index-url = ["https://a.example/"]\n')
    _write(
        tmp_path / "person/uv/uv.toml",
        'resolution = "b"\nprerelease = "b"\nextra-index-url = ["https://b.example/"]\nno-index = true\n',
    )
    _write(tmp_path / "one/uv/uv.toml", 'prerelease = "c"\nlink-mode = "c"\nno-index = ["odd"]\n')
    _write(tmp_path / "two/uv/uv.toml", 'link-mode = "d"\nextra-index-url = ["https://d.example/"]\n')
    assert _config(project) == {
        "resolution": "a",
        "prerelease": "b",
        "link-mode": "c",
        "no-index": True,
        "extra-index-url": ["https://a.example/", "https://b.example/", "https://d.example/"],
    }


def test_the_nearest_folder_with_settings_counts_and_its_uv_toml_first(project: Path) -> None:
    _write(project.parent / "pyproject.toml", '[tool.uv]\nresolution = "outer"\n')
    assert _config(project) == {"resolution": "outer"}
    _write(project.parent / "uv.toml", 'resolution = "outer file"\n')
    assert _config(project) == {"resolution": "outer file"}
    _write(project / "pyproject.toml", '[tool.uv]\nprerelease = "inner"\n')
    assert _config(project) == {"prerelease": "inner"}
    _write(project / "uv.toml", 'link-mode = "inner file"\n')
    assert _config(project) == {"link-mode": "inner file"}


def test_a_person_s_folder_is_in_the_home_without_a_variable(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "home/.config/uv/uv.toml", 'resolution = "home"\n')
    assert _config(project) == {}
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    assert _config(project) == {"resolution": "home"}


def test_files_can_be_turned_off_or_named(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(project / "uv.toml", 'resolution = "a"\n')
    _write(tmp_path / "person/uv/uv.toml", 'prerelease = "b"\n')
    named = _write(tmp_path / "named/any.toml", 'find-links = ["wheels"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(named))
    assert _config(project) == {"find-links": [str(tmp_path / "named/wheels")]}
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    assert _config(project) == {}


def test_paths_are_relative_to_their_file_and_urls_stay(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/homes/ada")
    text = (
        'index-url = "simple"\nextra-index-url = ["https://a.example/", "../b", "/c", "~/d"]\ncache-dir = "cache"\n'
        'index = [{ url = "e", name = "e" }, { name = "f" }, 1]\n'
    )
    _write(project / "uv.toml", text)
    assert _config(project) == {
        "index-url": str(project / "simple"),
        "extra-index-url": ["https://a.example/", str(project / "../b"), "/c", "/homes/ada/d"],
        "cache-dir": "cache",
        "index": [{"url": str(project / "e"), "name": "e"}, {"name": "f"}],  # the last is uv's to refuse
    }


@pytest.mark.parametrize(("content", "words"), [("[[", "is not valid TOML"), (None, "can't be read")])
def test_a_file_that_cannot_be_read_is_named(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, words: str
) -> None:
    named = tmp_path / "named.toml"
    if content is not None:
        named.write_text(content)
    monkeypatch.setenv("UV_CONFIG_FILE", str(named))
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_uv_settings(project)
    assert caught.value.path == named
    assert str(named) in caught.value.message


def test_a_broken_project_is_left_to_others(project: Path) -> None:
    _write(project / "pyproject.toml", "[[")
    assert read_uv_settings(project) == UvBuildSettings()


def _sources(project: Path) -> dict[str, object]:
    return {name: tomllib.loads(f"x = {text}")["x"] for name, text in read_uv_settings(project).sources}


def test_sources_and_indexes_of_a_project(project: Path) -> None:
    _write(
        project / "pyproject.toml",
        '[[tool.uv.index]]\nname = "acme"\nurl = "https://acme.example/"\nexplicit = true\n'
        '[tool.uv.sources]\nAcme_One = { index = "acme" }\ntwo = { path = "../two", editable = true }\n'
        'three = [{ path = "/three", marker = "x" }, { git = "https://g.example/" }]\nfour = { workspace = true }\n',
    )
    assert _sources(project) == {
        "acme-one": {"index": "acme"},
        "two": {"path": str(project / "../two")},
        "three": [{"path": "/three", "marker": "x"}, {"git": "https://g.example/"}],
        "four": {"workspace": True},
    }
    indexes = tomllib.loads(read_uv_settings(project).indexes)
    assert indexes == {"index": [{"name": "acme", "url": "https://acme.example/", "explicit": True}]}


def test_a_member_has_the_settings_sources_and_members_of_its_workspace(project: Path) -> None:
    root = project.parent
    _write(
        root / "pyproject.toml",
        '[tool.uv]\nresolution = "root"\n[tool.uv.workspace]\nmembers = ["pro*", "other"]\n'
        "[[tool.uv.index]]\nurl = 'https://root.example/'\n"
        '[tool.uv.sources]\nmine = { index = "root" }\nshared = { workspace = true }\n',
    )
    _write(root / "other/pyproject.toml", '[project]\nname = "Shared"\nversion = "1"\n')
    _write(
        project / "pyproject.toml",
        '[project]\nname = "project"\nversion = "1"\n[tool.uv]\nresolution = "member"\n'
        "[[tool.uv.index]]\nurl = 'https://member.example/'\n"
        '[tool.uv.sources]\nmine = { index = "member" }\n',
    )
    settings = read_uv_settings(project)
    assert tomllib.loads(settings.config)["resolution"] == "root"
    assert _sources(project) == {"mine": {"index": "member"}, "shared": {"path": str(root / "other")}}
    urls = [index["url"] for index in tomllib.loads(settings.indexes)["index"]]
    assert urls == ["https://member.example/", "https://root.example/"]
    alone = root / "alone"
    _write(alone / "pyproject.toml", '[project]\nname = "alone"\nversion = "1"\n')
    assert read_uv_settings(alone).sources == ()  # no member


def test_a_project_of_requirements_has_the_sources_of_those_alone() -> None:
    settings = UvBuildSettings("", 'index = [{"name" = "a"}]', (("acme-one", '{"index" = "a"}'), ("two", '{"x" = 1}')))
    assert settings.pyproject(["attrs", "not ok!"]) is None
    text = settings.pyproject(["attrs", "Acme.One>=1"])
    assert text is not None
    assert tomllib.loads(text) == {
        "project": {"name": "build-requirements", "version": "0", "dependencies": ["Acme.One>=1", "attrs"]},
        "tool": {"uv": {"index": [{"name": "a"}], "sources": {"acme-one": {"index": "a"}}}},
    }


def test_the_command_without_settings(tmp_path: Path) -> None:
    command = uv_install_command("/env/python", {"b", "a"}, UvBuildSettings(), tmp_path)
    assert command == ["/bin/uv", "pip", "install", "--python", "/env/python", "--no-config", "--", "a", "b"]
    assert list(tmp_path.iterdir()) == []


def test_the_command_with_settings_sources_and_constraints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_BUILD_CONSTRAINT", "/one.txt /two.txt")
    settings = UvBuildSettings("offline = true\n", "", (("a", '{"path" = "/a"}'),))
    command = uv_install_command("/env/python", ["b", "a"], settings, tmp_path)
    assert command[5:] == [
        *("--constraints", "/one.txt", "--constraints", "/two.txt"),
        *("--config-file", str(tmp_path / "uv.toml")),
        *("--requirements", str(tmp_path / "pyproject.toml")),
    ]
    assert (tmp_path / "uv.toml").read_text() == "offline = true\n"
    assert tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]["dependencies"] == ["a", "b"]


def test_variables_for_other_purposes_do_not_reach_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    others = (
        "CONFIG_FILE NO_CONFIG BREAK_SYSTEM_PACKAGES COMPILE_BYTECODE CONSTRAINT EXCLUDE NO_EDITABLE OVERRIDE PREFIX "
        "PROJECT PYTHON REQUIRE_HASHES SYSTEM_PYTHON TARGET TORCH_BACKEND WORKING_DIR WORKING_DIRECTORY"
    )
    names = ["PYTHONPATH", "AUTH_TOKEN", *(f"UV_{name}" for name in others.split())]
    for name in names:
        monkeypatch.setenv(name, "theirs")
    monkeypatch.setenv("UV_INDEX", "kept")
    monkeypatch.setenv("VIRTUAL_ENV", "/theirs")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = uv_variables(Path("/env"))
    assert not {*names} & found.keys()
    assert (found["UV_INDEX"], found["VIRTUAL_ENV"]) == ("kept", "/env")
    assert "UV_KEYRING_PROVIDER" not in found


def test_uv_asks_a_keyring_that_is_there_unless_another_way_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    StandIns(tmp_path / "bin", monkeypatch).add("keyring")
    assert uv_variables(Path("/env"))["UV_KEYRING_PROVIDER"] == "subprocess"
    monkeypatch.setenv("UV_KEYRING_PROVIDER", "disabled")
    assert uv_variables(Path("/env"))["UV_KEYRING_PROVIDER"] == "disabled"


@pytest.mark.parametrize(
    "name", ["UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"]
)
def test_variables_that_name_an_index(project: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    assert not has_uv_indexes([project])
    monkeypatch.setenv(name, "https://acme.example/")
    assert has_uv_indexes([project])


@pytest.mark.parametrize(
    ("text", "names_one"),
    [
        ("[tool.uv]\nindex = [{ url = 'https://a.example/' }]\n", True),
        ("[tool.uv]\nindex-url = 'https://a.example/'\n", True),
        ("[tool.uv]\nextra-index-url = ['https://a.example/']\n", True),
        ("[tool.uv]\nfind-links = ['x']\n", True),
        ("[tool.uv]\nno-index = true\n", True),
        ("[tool.uv.sources]\na = { path = 'a' }\n", True),
        ("[tool.uv]\noffline = true\n", False),
        ("[tool.uv]\nindex-strategy = 'first-index'\n", False),
    ],
)
def test_files_that_name_an_index(project: Path, monkeypatch: pytest.MonkeyPatch, text: str, names_one: object) -> None:
    _write(project / "pyproject.toml", text)
    assert has_uv_indexes([project]) is names_one
    assert has_uv_indexes([project.parent]) is False
    assert has_uv_indexes([project.parent, project]) is names_one
    monkeypatch.chdir(project)
    assert has_uv_indexes([]) is names_one


def test_uv_is_found_on_the_path_where_its_package_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "uv", None)
    programs = StandIns(tmp_path / "bin", monkeypatch)
    assert find_uv() is None
    program = programs.add("uv")
    assert find_uv() == str(program)


@pytest.mark.parametrize(
    "value", ['a"b\\c\n', "\x7f", "größe", True, False, 3, 1.5, [], ["a", 1, [True]], {}, {"a b": {"c": ["d"]}}]
)
def test_values_written_as_toml_are_read_back(value: object) -> None:
    text = uv._toml(value)
    assert "\n" not in text
    assert tomllib.loads(f"x = {text}") == {"x": value}
