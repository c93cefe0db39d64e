"""The notes of the last logins, and which of them a program means."""

import json
from pathlib import Path

import pytest

from publisher.credentials.remembered import (
    find_login,
    forget_username,
    remember_username,
    remembered_logins,
    remembered_username,
)
from publisher.errors import ConfigurationError

ACME, TEAM = "https://acme.example/", "https://acme.example/team/"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the notes, in a home of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "pypi-publish" / "logins.json"


def test_the_last_user_of_an_index_is_remembered_and_forgotten(notes: Path) -> None:
    assert remembered_username(ACME) is None
    remember_username(ACME, "ada")
    remember_username(TEAM, "eve")
    assert (remembered_username(ACME), remembered_username(TEAM)) == ("ada", "eve")
    remember_username(ACME, "bob")
    assert remembered_username(ACME) == "bob"
    assert json.loads(notes.read_text()) == {ACME: "bob", TEAM: "eve"}
    forget_username(ACME)
    forget_username(ACME)
    assert (remembered_username(ACME), remembered_username(TEAM)) == (None, "eve")


def test_what_is_known_already_is_not_written_again(notes: Path) -> None:
    remember_username(ACME, "ada")
    before = notes.stat().st_mtime_ns, notes.stat().st_ino
    remember_username(ACME, "ada")
    forget_username(TEAM)
    assert (notes.stat().st_mtime_ns, notes.stat().st_ino) == before


def test_forgetting_without_notes_makes_none(notes: Path) -> None:
    forget_username(ACME)
    assert not notes.exists()


TORN = ["", "{", "[]", '"x"', "[" * 90_000, '{"https://acme.example/": 3, "x": null, "y": ""}']


@pytest.mark.parametrize("text", TORN)
def test_torn_notes_are_as_none_and_are_replaced_by_the_next_login(notes: Path, text: str) -> None:
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.write_text(text)
    assert remembered_logins() == []
    remember_username(ACME, "ada")
    assert remembered_username(ACME) == "ada"


def test_a_note_that_is_no_index_is_passed_over(notes: Path) -> None:
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.write_text(json.dumps({"not a url": "x", ACME: "ada"}))
    assert [(login.url.root, login.username) for login in remembered_logins()] == [(ACME, "ada")]


@pytest.mark.parametrize(
    ("name", "username", "found"),
    [
        (ACME, None, (ACME, "ada")),
        (f"{ACME}simple/", None, (ACME, "ada")),
        (ACME, "bob", (ACME, "bob")),
        (TEAM, None, (TEAM, "eve")),
        (f"{TEAM}simple/x/", None, (TEAM, "eve")),
        (f"{ACME}teams/", None, (ACME, "ada")),
        ("http://acme.example/", None, None),
        ("https://acme.example:8443/", None, None),
        ("https://mallory.example/", None, None),
        ("acme.example", None, None),
        ("acme.example", "ada", (ACME, "ada")),
        ("acme.example", "eve", (TEAM, "eve")),
        ("acme.example", "bob", None),
        ("other.example", None, ("https://other.example/", "kim")),
        ("other.example", "bob", ("https://other.example/", "bob")),
        ("mallory.example", None, None),
        ("", None, None),
    ],
)
@pytest.mark.usefixtures("notes")
def test_which_login_a_program_means(name: str, username: str | None, found: tuple[str, str] | None) -> None:
    for index, user in ((ACME, "ada"), (TEAM, "eve"), ("https://other.example/", "kim")):
        remember_username(index, user)
    login = find_login(name, username)
    assert (None if login is None else (login.url.root, login.username)) == found


def test_notes_that_cannot_be_written_name_the_file_and_the_remedy(notes: Path) -> None:
    notes.parent.write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"logins\.json can't be written") as raised:
        remember_username(ACME, "ada")
    assert "XDG_CONFIG_HOME" in str(raised.value.hint)
    assert raised.value.path == notes
    forget_username(ACME)  # there is nothing to change
