"""Accounts: the htpasswd file, the account API, and how passwords are verified."""

import errno
import os
import threading
from pathlib import Path

import bcrypt
import pytest
from passlib.apache import HtpasswdFile

from publisher.server.auth.htpasswd import Users
from publisher.server.storage.errors import StorageFullError
from publisher.server.storage.folder import FolderStorage
from tests.helpers.http import Client
from tests.helpers.index import ADMIN_TOKEN
from tests.server.conftest import PASSWORD, USER, OwnIndex

ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


def register(
    client: Client, username: object, password: object, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    anonymous = Client(client.url, None)
    response = anonymous.request(
        "POST", "register", json={"username": username, "password": password}, headers=headers or ADMIN
    )
    return response.status_code, response.json().get("status") if response.ok else response.text


def test_creating_repeating_and_changing_have_answers_of_their_own(own: OwnIndex) -> None:
    # slow (real bcrypt): the account API as an administrator uses it
    index, client = own.start()
    assert register(client, "grace", "first password") == (201, "created")
    assert register(client, "grace", "first password") == (200, "unchanged")
    assert Client(index.url, ("grace", "first password")).get("simple/").status_code == 200
    assert register(client, "grace", "other battery") == (200, "changed")
    assert Client(index.url, ("grace", "first password")).get("simple/").status_code == 401
    assert Client(index.url, ("grace", "other battery")).get("whoami").json()["username"] == "grace"
    assert "$2" in index.htpasswd.read_text()
    anonymous = Client(index.url, None)
    assert anonymous.get("users", ADMIN).json() == {"users": [USER, "grace"], "services": []}
    assert anonymous.request("DELETE", "users/grace", headers=ADMIN).json() == {
        "username": "grace",
        "status": "removed",
        "ended": {"tokens": [], "roles": [], "projects": [], "publishers": []},
    }
    assert anonymous.request("DELETE", "users/grace", headers=ADMIN).status_code == 404
    assert Client(index.url, ("grace", "other battery")).get("simple/").status_code == 401


def test_people_change_their_own_password(own: OwnIndex) -> None:
    index, client = own.start()
    assert client.request("POST", "password", json={"password": "a new password"}).json()["status"] == "changed"
    assert client.get("simple/").status_code == 401
    assert Client(index.url, (USER, "a new password")).get("simple/").status_code == 200


@pytest.mark.parametrize(
    ("username", "password", "words"),
    [
        ("a:b", "long enough", "':'"),
        ("", "long enough", "1 to 128"),
        ("x" * 200, "long enough", "1 to 128"),
        ("new\nline:x", "long enough", "control characters"),
        ("tab\there", "long enough", "control characters"),
        (" space", "long enough", "white space"),
        ("<b>bold</b>", "long enough", "ASCII letters"),
        ("\u202eada", "long enough", "ASCII letters"),
        ("#comment", "long enough", "'#'"),
        ("fine", "short", "at least 8"),
        ("fine", "é" * 37, "at most 72 bytes"),
        ("fine", "nul\x00 in it", "control characters"),
        (5, "long enough", "'username'"),
        ("fine", None, "'password'"),
    ],
)
def test_names_and_passwords_that_no_account_may_have(
    client: Client, username: object, password: object, words: str
) -> None:
    status, text = register(client, username, password)
    assert status == 422
    assert words in text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {ADMIN_TOKEN}"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": f"Bearer {ADMIN_TOKEN}x"}, 401),
    ],
)
def test_the_account_api_needs_the_token(client: Client, headers: dict[str, str], status: int) -> None:
    assert register(client, "mallory", "long enough", headers or {"X": "y"})[0] == status
    assert Client(client.url, None).get("users", headers).status_code == status
    assert client.get("users").status_code == 403


def test_bodies_must_be_json_objects(client: Client) -> None:
    anonymous = Client(client.url, None)
    for body in (b"", b"{", b"[]", b"\xff", b"[" * 20000, b'{"username": "x"}', b"x" * 100_000):
        assert anonymous.request(
            "POST", "register", data=body, headers={**ADMIN, "Content-Type": "application/json"}
        ).status_code in {413, 422}


def test_entries_of_every_kind_keep_working(own: OwnIndex) -> None:
    index, _ = own.start()
    schemes = ["apr_md5_crypt", "bcrypt", "ldap_sha1", "sha256_crypt", "sha512_crypt"]
    users = HtpasswdFile(str(index.htpasswd))
    for scheme in schemes:
        users.context.update(default=scheme, bcrypt__rounds=4, sha256_crypt__rounds=1000, sha512_crypt__rounds=1000)
        users.set_password(scheme, f"{PASSWORD} {scheme}")
    users.save()
    apache = bcrypt.hashpw(b"from htpasswd -B", bcrypt.gensalt(4, b"2b")).decode().replace("$2b$", "$2y$")
    with index.htpasswd.open("a") as file:
        file.write(f"apache:{apache}\nodd:{{UNKNOWN}}xyz\n")
    for scheme in schemes:
        assert Client(index.url, (scheme, f"{PASSWORD} {scheme}")).get("simple/").status_code == 200, scheme
        assert Client(index.url, (scheme, PASSWORD)).get("simple/").status_code == 401
    assert Client(index.url, ("apache", "from htpasswd -B")).get("simple/").status_code == 200
    assert Client(index.url, ("odd", "xyz")).get("simple/").status_code == 401


@pytest.mark.parametrize("password", ["with:colon:s", "pässwörd", "emoji ✓ and ✓", " spaces ", "x" * 72])
def test_passwords_of_every_shape_work(own: OwnIndex, password: str) -> None:
    index, _ = own.start()
    index.add_user("shape", password)
    assert Client(index.url, ("shape", password)).get("simple/").status_code == 200
    assert Client(index.url, ("shape", password + "x")).get("simple/").status_code == 401


def test_a_changed_file_takes_effect_at_once(own: OwnIndex) -> None:
    index, client = own.start()
    assert client.get("simple/").status_code == 200
    index.add_user(USER, "fresh correct horse")
    assert client.get("simple/").status_code == 401
    index.htpasswd.unlink()
    lost = Client(index.url, (USER, "fresh correct horse")).get("simple/")
    assert (lost.status_code, "Retry-After" in lost.headers) == (503, True)
    index.add_user(USER, PASSWORD)
    assert client.get("simple/").status_code == 200


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic Zm9v", "Digest x", "Bearer x", "", "Basic " + "A" * 8000]
)
def test_credentials_that_are_none_are_a_401(client: Client, header: str) -> None:
    anonymous = Client(client.url, None)
    assert anonymous.get("simple/", {"Authorization": header}).status_code == 401


def test_two_writers_lose_no_account(tmp_path: Path) -> None:
    path = tmp_path / "htpasswd"

    def add(first: int) -> None:
        users, files = Users(path), FolderStorage(tmp_path, mode=0o600).files()
        for number in range(first, first + 3):
            users.set_password(files, f"user{number}", "long enough")

    threads = [threading.Thread(target=add, args=(first,)) for first in (0, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Users(path).names(FolderStorage(tmp_path).files()) == [f"user{number}" for number in range(6)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_account_that_could_not_be_written_is_not_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users, files = Users(tmp_path / "htpasswd"), FolderStorage(tmp_path).files()
    users.set_password(files, "ada", "correct horse")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError):
        users.set_password(files, "eve", "battery staple")
    assert users.names(files) == ["ada"]
    assert "eve" not in users.load(files).table.entries
    assert {path.name for path in tmp_path.iterdir()} == {"htpasswd", ".pypi-publish"}


def test_a_link_to_the_accounts_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "htpasswd"
    path.symlink_to(tmp_path / "elsewhere/accounts")
    Users(path).set_password(FolderStorage(tmp_path, mode=0o600).files(), "ada", "correct horse")
    assert path.is_symlink()
    assert (tmp_path / "elsewhere/accounts").stat().st_mode & 0o777 == 0o600
    assert "ada" in Users(path).load(FolderStorage(tmp_path).files()).table.entries


def test_a_name_with_percent_signs_is_removed_as_it_is(own: OwnIndex) -> None:
    index, client = own.start()
    index.add_user("50%41", "correct horse")
    index.add_user("50A", "correct horse")
    anonymous = Client(client.url, None)
    assert anonymous.request("DELETE", "users/50%2541", headers=ADMIN).status_code == 200
    assert set(anonymous.get("users", ADMIN).json()["users"]) == {USER, "50A"}
