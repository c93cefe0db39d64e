"""`pypi-publish users`: the real command against a served index, and on an htpasswd file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from passlib.apache import HtpasswdFile

from publisher.client.accounts import admin_token_hint, admin_url
from publisher.client.url import parse_index_url
from publisher.credentials.admin_token import keyring_service
from publisher.server.auth.errors import NoAdminTokenError
from tests.helpers.index import ADMIN_TOKEN, RunningIndex
from tests.helpers.tool import pypi_publish

NEW = "a new passphrase"


@pytest.fixture
def admin(index: RunningIndex, monkeypatch: pytest.MonkeyPatch) -> RunningIndex:
    monkeypatch.setenv("PYPI_PUBLISH_ADMIN_TOKEN", ADMIN_TOKEN)
    return index


def _whoami(username: str, password: str) -> int:
    return pypi_publish("whoami", "-u", username, "--password-stdin", given=f"{password}\n").code


def test_an_account_from_its_creation_to_its_removal(admin: RunningIndex) -> None:
    done = pypi_publish("users", "add", "grace", "--password-stdin", given=f"{NEW}\n")
    assert (done.code, "'grace' is created" in done.stderr, done.stdout) == (0, True, "")
    assert _whoami("grace", NEW) == 0
    again = pypi_publish("users", "add", "grace", "--password-stdin", "--json", given=f"{NEW}\n")
    assert again.json == {"username": "grace", "status": "unchanged"}
    assert "grace" in pypi_publish("users", "list").stdout.splitlines()
    assert "grace" in pypi_publish("users", "list", "--json").json["users"]
    assert pypi_publish("users", "remove", "grace").code == 0
    assert _whoami("grace", NEW) == 4
    gone = pypi_publish("users", "remove", "grace")
    assert (gone.code, "Unknown user grace" in gone.stderr) == (1, True)
    assert NEW not in done.everything + again.everything
    assert admin.url


def test_a_generated_password_is_printed_once_and_works(admin: RunningIndex) -> None:
    done = pypi_publish("users", "add", "robot", "--generate")
    password = done.stdout.strip()
    assert len(password) >= 32
    assert password not in done.stderr
    assert _whoami("robot", password) == 0
    changed = pypi_publish("users", "add", "robot", "--generate", "--json").json
    assert changed["status"] == "changed"
    assert _whoami("robot", changed["password"]) == 0
    assert admin.url


def test_the_token_may_be_in_keyring(index: RunningIndex, keyring_file: Path) -> None:
    missing = pypi_publish("users", "list")
    assert (missing.code, "keyring set" in missing.stderr) == (4, True)
    service = keyring_service(parse_index_url(index.url))
    stored = subprocess.run(
        [sys.executable, "-m", "keyring", "set", service, "admin"], input=ADMIN_TOKEN.encode(), check=False, timeout=30
    )
    assert stored.returncode == 0
    assert pypi_publish("users", "list").code == 0
    assert ADMIN_TOKEN in keyring_file.read_text()


@pytest.mark.parametrize(
    ("name", "password", "message"),
    [("a:b", NEW, "must not contain ':'"), ("short", "seven77", "at least 8"), ("long", "x" * 73, "at most 72 bytes")],
)
def test_the_rules_of_the_index_are_reported(admin: RunningIndex, name: str, password: str, message: str) -> None:
    refused = pypi_publish("users", "add", name, "--password-stdin", given=f"{password}\n")
    assert (refused.code, message in refused.stderr, password in refused.everything) == (2, True, False)
    assert admin.url


def test_a_wrong_token_is_reported(admin: RunningIndex) -> None:
    env = {"PYPI_PUBLISH_ADMIN_TOKEN": "wrong-token"}
    refused = pypi_publish("users", "list", env=env)
    assert (refused.code, "AUTH_TOKEN" in refused.stderr, "wrong-token" in refused.everything) == (4, True, False)
    assert admin.url


def test_values_that_cannot_be_asked_for_are_named(admin: RunningIndex) -> None:
    nobody_asked = pypi_publish("users", "add", "grace")
    assert (nobody_asked.code, "--generate or --password-stdin" in nobody_asked.stderr) == (2, True)
    both = pypi_publish("users", "add", "grace", "--generate", "--password-stdin", given="x\n")
    assert both.code == 2
    empty = pypi_publish("users", "add", "grace", "--password-stdin")
    assert empty.code == 2
    no_index = pypi_publish("users", "list", env={"PYPI_PUBLISH_INDEX_URL": ""})
    assert (no_index.code, "PYPI_PUBLISH_ADMIN_URL" in no_index.stderr) == (2, True)
    nowhere = pypi_publish("users", "list", "--admin-url", "http://127.0.0.1:1/")
    assert nowhere.code == 6
    no_api = pypi_publish("users", "list", "--admin-url", admin.url + "simple/nothing")
    assert no_api.code in {4, 6}


def test_a_person_is_asked_twice(admin: RunningIndex) -> None:
    controller, terminal = os.openpty()
    # a session of its own, whose first terminal becomes the one that passwords are read from
    shell = f'exec "$@" <{os.ttyname(terminal)} >{os.ttyname(terminal)} 2>&1'
    tool = [sys.executable, "-m", "publisher.cli.main", "users", "add", "hopper"]
    process = subprocess.Popen(["sh", "-c", shell, "sh", *tool], start_new_session=True)
    shown = b""
    answers = [
        (b"New password of hopper: ", NEW),
        (b"Repeat the new password: ", "other"),
        (b"New password of hopper: ", NEW),
    ]
    answers.append((b"Repeat the new password: ", NEW))
    with os.fdopen(controller, "r+b", buffering=0) as screen:
        for prompt, answer in answers:
            seen = b""
            while prompt not in seen:
                seen += screen.read(1)
            shown += seen
            screen.write(answer.encode() + b"\n")
        assert process.wait(30) == 0
    os.close(terminal)
    assert NEW.encode() not in shown
    assert b"do not match" in shown
    assert _whoami("hopper", NEW) == 0
    assert admin.url


def test_an_htpasswd_file_is_changed_directly(tmp_path: Path) -> None:
    path = tmp_path / "accounts" / ".htpasswd"
    place = ("--htpasswd", path)
    assert pypi_publish("users", "list", *place).stdout == ""
    assert pypi_publish("users", "add", "ada", "--password-stdin", *place, given=f"{NEW}\n").code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert HtpasswdFile(str(path)).check_password("ada", NEW)
    assert pypi_publish("users", "list", *place).stdout == "ada\n"
    refused = pypi_publish("users", "add", "b", "--password-stdin", *place, given="short\n")
    assert (refused.code, "at least 8" in refused.stderr) == (2, True)
    assert pypi_publish("users", "remove", "ada", *place).code == 0
    assert pypi_publish("users", "remove", "ada", *place).code == 1
    (tmp_path / "folder").mkdir()
    assert pypi_publish("users", "add", "a", "--generate", "--htpasswd", tmp_path / "folder").code == 2


def test_the_registration_endpoint_names_its_index() -> None:
    assert admin_url("https://acme--pypiserver-register-user.modal.run").root == (
        "https://acme--pypiserver-server.modal.run/"
    )
    assert admin_url("https://pypi.acme.example/simple/").root == "https://pypi.acme.example/"


def test_an_index_without_a_token_is_distinguished_from_a_wrong_one() -> None:
    none = admin_token_hint(NoAdminTokenError().message)
    assert "Start the index with AUTH_TOKEN" in none
    assert "--htpasswd FILE" in none
    assert admin_token_hint("The admin token is wrong.").startswith("PYPI_PUBLISH_ADMIN_TOKEN must be")


def test_a_missing_token_names_the_way_without_one(index: RunningIndex) -> None:
    done = pypi_publish("users", "list", "--admin-url", index.url)
    assert done.code == 4
    assert "If it was started without one" in " ".join(done.stderr.split())
