"""The keyring is asked by a child process, which answers as the keyring itself does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from publisher.credentials.keyring_child import find_in_child
from publisher.errors import CredentialsError
from publisher.secret import Secret

FIRST, SECOND = "http://first.example/", "http://second.example/"


def test_the_first_service_with_an_entry_answers(keyring_file: Path) -> None:
    keyring_file.write_text(json.dumps({SECOND: {"ada": "secret"}}))
    assert find_in_child([FIRST, SECOND], None) == ("ada", Secret("secret"))


def test_only_the_entry_of_the_named_user_counts(keyring_file: Path) -> None:
    keyring_file.write_text(json.dumps({FIRST: {"ada": "secret"}}))
    assert find_in_child([FIRST], "bob") is None


def test_without_a_backend_nothing_is_found() -> None:
    assert find_in_child([FIRST], None) is None


def test_a_backend_that_fails_is_reported_with_its_remedy(keyring_file: Path) -> None:
    keyring_file.write_text("not JSON")
    with pytest.raises(CredentialsError, match="The keyring failed") as failure:
        find_in_child([FIRST], None)
    assert "keyring --list-backends" in str(failure.value.hint)


def test_a_child_that_dies_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(CredentialsError, match="ended with code 1"):
        find_in_child([FIRST], None)


def test_the_parent_loads_no_backend(keyring_file: Path) -> None:
    keyring_file.write_text(json.dumps({FIRST: {"ada": "secret"}}))
    script = (
        "import sys; from publisher.credentials.keyring_child import find_in_child;"
        f"print(find_in_child([{FIRST!r}], None)[0], 'keyring' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "ada False\n"
