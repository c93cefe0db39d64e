"""The places of a person's configuration files on each platform."""

from pathlib import Path

import pytest

from publisher.errors import ConfigurationError
from publisher.machine.paths import Machine, this_machine


@pytest.mark.parametrize(
    ("platform", "environment", "config", "support"),
    [
        ("linux", {}, "home/.config", "home/.config"),
        ("linux", {"XDG_CONFIG_HOME": ""}, "home/.config", "home/.config"),
        ("linux", {"XDG_CONFIG_HOME": "/xdg", "APPDATA": "/no"}, "/xdg", "/xdg"),
        ("darwin", {}, "home/.config", "home/Library/Application Support"),
        ("darwin", {"XDG_CONFIG_HOME": "/xdg"}, "/xdg", "home/Library/Application Support"),
        ("win32", {}, "home/AppData/Roaming", "home/AppData/Roaming"),
        ("win32", {"APPDATA": "/roaming", "XDG_CONFIG_HOME": "/no"}, "/roaming", "/roaming"),
    ],
)
def test_folders_of_each_platform(
    machine: Machine, platform: str, environment: dict[str, str], config: str, support: str
) -> None:
    found = machine._replace(platform=platform, environment=environment)
    assert (found.config, found.application_support) == (machine.home.parent / config, machine.home.parent / support)
    assert found.is_windows is (platform == "win32")


def test_a_variable_wins_over_the_usual_place_and_knows_the_home(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/homes/ada")
    found = machine._replace(environment={"PLACE": "~/mine", "EMPTY": ""})
    assert found.variable("PLACE", Path("/usual")) == Path("/homes/ada/mine")
    assert found.variable("EMPTY", Path("/usual")) == Path("/usual")
    assert found.variable("ABSENT", Path("/usual")) == Path("/usual")


def test_this_machine_is_the_current_folder_of_the_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = this_machine()
    assert (found.home, found.folder, found.environment["HOME"]) == (tmp_path, tmp_path, str(tmp_path))


def test_a_person_without_a_home_gets_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    with pytest.raises(ConfigurationError, match="No home folder") as caught:
        this_machine()
    assert caught.value.hint == "Set HOME to a folder."
