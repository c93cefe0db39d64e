"""The installer of build requirements: pip's places for indexes, its variables, and the choice."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from publisher.building import installer
from publisher.building.installer import choose_installer, pip_indexes, pip_variables
from tests.helpers.stand_ins import StandIns


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))


def _write(path: Path, text: str = "[global]\nindex-url = https://acme.example/\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_settings_pip_has_no_index() -> None:
    assert pip_indexes() is None


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"])
def test_variables_that_name_an_index(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    assert pip_indexes() is None
    monkeypatch.setenv(name, "1")
    assert pip_indexes() == name


@pytest.mark.parametrize(
    "place",
    [
        "xdg/pip/pip.conf",
        "home/.pip/pip.conf",
        "home/Library/Application Support/pip/pip.conf",
        "one/pip/pip.conf",
        "two/pip/pip.conf",
        "prefix/pip.conf",
    ],
)
def test_files_that_name_an_index(place: str, tmp_path: Path) -> None:
    path = _write(tmp_path / place)
    assert pip_indexes() == str(path)


@pytest.mark.parametrize("value", ["", None])
def test_a_person_s_folder_is_in_the_home_where_no_variable_says_otherwise(
    value: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = _write(tmp_path / "home/.config/pip/pip.conf")
    assert pip_indexes() is None
    monkeypatch.delenv("XDG_CONFIG_HOME") if value is None else monkeypatch.setenv("XDG_CONFIG_HOME", value)
    assert pip_indexes() == str(path)


def test_a_named_file_comes_first_and_the_null_device_is_the_only_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    person = _write(tmp_path / "xdg/pip/pip.conf")
    named = _write(tmp_path / "named.conf")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(named))
    assert pip_indexes() == str(named)
    named.unlink()
    assert pip_indexes() == str(person)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert pip_indexes() is None


def test_on_windows_the_files_have_other_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(installer, "sys", SimpleNamespace(platform="win32", prefix=str(tmp_path / "prefix")))
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    _write(tmp_path / "xdg/pip/pip.conf")
    assert pip_indexes() is None
    inner = _write(tmp_path / "prefix/pip.ini")
    assert pip_indexes() == str(inner)
    person = _write(tmp_path / "roaming/pip/pip.ini")
    assert pip_indexes() == str(person)


@pytest.mark.parametrize(
    ("text", "names_one"),
    [
        ("[install]\nextra-index-url = x\n", True),
        ("[global]\nfind-links = x\n", True),
        ("[global]\nno-index = true\n", True),
        ("[global]\nindex-url =\n", False),
        ("[global]\ntimeout = 9\n", False),
        ("[download]\nindex-url = x\n", False),
        ("index-url = x\n", False),  # broken
        ("[global]\nindex-url = %(x\n", True),
    ],
)
def test_which_texts_name_an_index(text: str, names_one: object, tmp_path: Path) -> None:
    _write(tmp_path / "xdg/pip/pip.conf", text)
    assert (pip_indexes() is not None) is names_one


def test_a_file_that_is_no_text_names_none(tmp_path: Path) -> None:
    _write(tmp_path / "xdg/pip/pip.conf").write_bytes(b"\xff[global]\nindex-url = x\n")
    assert pip_indexes() is None


@pytest.mark.parametrize(
    ("has_uv", "for_pip", "for_uv", "chosen"),
    [
        ("uv", None, False, "uv"),
        ("uv", "pip.conf", False, "pip"),
        ("uv", "pip.conf", True, "uv"),
        ("uv", None, True, "uv"),
        (None, None, False, "pip"),
        (None, None, True, "pip"),
    ],
)
def test_the_choice(
    monkeypatch: pytest.MonkeyPatch, *, has_uv: str | None, for_pip: str | None, for_uv: bool, chosen: str
) -> None:
    monkeypatch.setattr(installer, "find_uv", lambda: has_uv)
    monkeypatch.setattr(installer, "pip_indexes", lambda: for_pip)
    monkeypatch.setattr(installer, "has_uv_indexes", lambda _projects: for_uv)
    assert choose_installer() == chosen


def test_settings_for_other_purposes_do_not_reach_a_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    overridden = {
        **dict.fromkeys(("TARGET", "PREFIX", "ROOT", "REQUIREMENT", "EDITABLE", "PYTHON", "REPORT"), ""),
        **dict.fromkeys(("USER", "DRY_RUN", "REQUIRE_VIRTUALENV", "REQUIRE_HASHES"), "0"),
    }
    for name in overridden:
        monkeypatch.setenv(f"PIP_{name}", "theirs")
    monkeypatch.setenv("PIP_INDEX_URL", "kept")
    monkeypatch.setenv("AUTH_TOKEN", "hidden")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = pip_variables()
    assert {name.removeprefix("PIP_"): found[name] for name in found if name.startswith("PIP_")} == {
        **overridden,
        "INDEX_URL": "kept",
    }
    assert "AUTH_TOKEN" not in found


def test_pip_asks_a_keyring_that_is_there_unless_another_way_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    StandIns(tmp_path / "bin", monkeypatch).add("keyring")
    assert pip_variables()["PIP_KEYRING_PROVIDER"] == "subprocess"
    monkeypatch.setenv("PIP_KEYRING_PROVIDER", "disabled")
    assert pip_variables()["PIP_KEYRING_PROVIDER"] == "disabled"
