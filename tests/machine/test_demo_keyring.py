"""The demo's keyring: a file that keyring finds only where a variable names it."""

import json
from pathlib import Path

import pytest
from keyring.errors import PasswordDeleteError

from publisher.machine.demo_keyring import DemoKeyring


def _keyring() -> DemoKeyring:
    return DemoKeyring()  # type: ignore[no-untyped-call]  # the base class has no types


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keyring.json"
    monkeypatch.setenv("PYPI_PUBLISH_DEMO_KEYRING", str(path))
    return path


def test_without_its_variable_keyring_does_not_offer_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYPI_PUBLISH_DEMO_KEYRING", raising=False)
    with pytest.raises(RuntimeError, match="PYPI_PUBLISH_DEMO_KEYRING is not set"):
        _ = _keyring().priority


@pytest.mark.usefixtures("file")
def test_with_its_variable_it_comes_after_every_real_keyring() -> None:
    assert 0 < _keyring().priority < 1
    assert "demo" in _keyring().name


def test_passwords_are_kept_by_service_and_user(file: Path) -> None:
    keyring = _keyring()
    keyring.set_password("https://a.example/", "ada", "one")
    keyring.set_password("https://a.example/", "bob", "two")
    keyring.set_password("https://b.example/", "ada", "three")
    assert [
        keyring.get_password("https://a.example/", "ada"),
        keyring.get_password("https://a.example/", "bob"),
        keyring.get_password("https://b.example/", "ada"),
        keyring.get_password("https://b.example/", "bob"),
        keyring.get_password("https://c.example/", "ada"),
    ] == ["one", "two", "three", None, None]
    assert json.loads(file.read_text()) == {
        "https://a.example/": {"ada": "one", "bob": "two"},
        "https://b.example/": {"ada": "three"},
    }
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("file")
def test_the_first_user_is_found_without_a_name() -> None:
    keyring = _keyring()
    assert keyring.get_credential("https://a.example/", None) is None
    keyring.set_password("https://a.example/", "ada", "one")
    keyring.set_password("https://a.example/", "bob", "two")
    first, second = (keyring.get_credential("https://a.example/", name) for name in (None, "bob"))
    assert first is not None
    assert second is not None
    assert [(found.username, found.password) for found in (first, second)] == [("ada", "one"), ("bob", "two")]


def test_a_password_is_deleted_once(file: Path) -> None:
    keyring = _keyring()
    keyring.set_password("https://a.example/", "ada", "one")
    keyring.set_password("https://a.example/", "bob", "two")
    for service, user in (("https://a.example/", "eve"), ("https://b.example/", "ada")):
        with pytest.raises(PasswordDeleteError):
            keyring.delete_password(service, user)
    keyring.delete_password("https://a.example/", "ada")
    assert json.loads(file.read_text()) == {"https://a.example/": {"bob": "two"}}
    with pytest.raises(PasswordDeleteError):
        keyring.delete_password("https://a.example/", "ada")


def test_a_file_of_another_form_is_empty(file: Path) -> None:
    file.write_text("[1, 2]")
    assert _keyring().get_password("https://a.example/", "ada") is None
