"""Changing one's own password: a failure in between locks no one out."""

import json
from pathlib import Path

import pytest
import requests

from publisher.client.url import parse_index_url
from publisher.credentials.login import prove
from publisher.errors import CredentialsError, IndexUnavailableError
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, Request, answering
from tests.helpers.index import RunningIndex
from tests.helpers.terminal import typed
from tests.helpers.tool import Result, pypi_publish

ROOT = Path(__file__).parents[2]
OLD, NEW = "old pass wörd", "new pass wörd"


@pytest.fixture
def person(index: RunningIndex, keyring_file: Path, request: pytest.FixtureRequest) -> str:
    """Return the name of a new account whose password is the old one, logged in."""
    assert keyring_file.name
    username = f"passwd{abs(hash(request.node.name)) % 10**8}"
    index.add_user(username, OLD)
    assert pypi_publish("login", "-u", username, "--password-stdin", given=f"{OLD}\n").code == 0
    return username


def _accepts(url: str, username: str, password: str) -> bool:
    try:
        return prove(parse_index_url(url), Credentials(username, Secret(password), "a test")).username == username
    except CredentialsError:
        return False


def _change(*options: str, given: str = f"{NEW}\n", env: dict[str, str] | None = None) -> Result:
    return pypi_publish("passwd", "--new-password-stdin", *options, given=given, env=env)


def _kept(keyring_file: Path) -> set[str]:
    entries = json.loads(keyring_file.read_text())
    return {password for users in entries.values() for password in users.values()}


def test_the_password_changes_on_the_index_and_in_keyring(index: RunningIndex, keyring_file: Path, person: str) -> None:
    done = _change()
    assert done.code == 0, done.stderr
    assert (
        f"The password of {person} on {index.url} is changed; the new one is in the demo's own keyring." in done.stderr
    )
    assert OLD not in done.everything
    assert NEW not in done.everything
    assert _accepts(index.url, person, NEW)
    assert not _accepts(index.url, person, OLD)
    assert _kept(keyring_file) == {NEW}
    assert pypi_publish("whoami").stdout.strip() == person


def test_a_script_gives_both_passwords(index: RunningIndex, keyring_file: Path, person: str) -> None:
    pypi_publish("logout")
    done = _change("-u", person, "--password-stdin", given=f"{OLD}\n{NEW}\n")
    assert done.code == 0, done.stderr
    assert _accepts(index.url, person, NEW)
    assert _kept(keyring_file) == {NEW}


def test_on_a_terminal_the_new_one_is_asked_twice(index: RunningIndex, keyring_file: Path, person: str) -> None:
    twice = (
        [("New password of", NEW), ("Repeat the new password", "a typo")],
        [("New password of", NEW), ("Repeat the new password", NEW)],
    )
    shown, code = typed(["passwd"], [*twice[0], *twice[1]])
    assert code == 0, shown
    assert "do not match" in shown
    assert NEW not in shown
    assert _accepts(index.url, person, NEW)
    assert _kept(keyring_file) == {NEW}


@pytest.mark.parametrize(("new", "reason"), [("short", "8 characters"), ("x" * 73, "72 bytes")])
def test_a_password_that_breaks_the_rules_changes_nothing(
    index: RunningIndex, keyring_file: Path, person: str, new: str, reason: str
) -> None:
    done = _change(given=f"{new}\n")
    assert (done.code, reason in done.stderr) == (2, True), done.stderr
    assert _accepts(index.url, person, OLD)
    assert _kept(keyring_file) == {OLD}


def test_a_refused_change_leaves_a_keyring_as_it_was(index: RunningIndex, keyring_file: Path, person: str) -> None:
    pypi_publish("logout")
    done = _change("-u", person, "--password-stdin", given=f"{OLD}\nshort\n")
    assert done.code == 2
    assert _kept(keyring_file) == set()
    assert _accepts(index.url, person, OLD)


def test_a_wrong_password_is_reported_before_a_new_one_is_asked_for(
    index: RunningIndex, keyring_file: Path, person: str
) -> None:
    index.add_user(person, "changed elsewhere")
    done = pypi_publish("passwd")
    assert (done.code, "refused the password" in done.stderr) == (4, True), done.stderr
    assert _kept(keyring_file) == {OLD}


def test_without_a_terminal_it_says_how_to_give_the_new_one(index: RunningIndex, person: str) -> None:
    done = pypi_publish("passwd")
    assert (done.code, "--new-password-stdin" in done.stderr) == (4, True), done.stderr
    assert _change(given="").code == 2
    assert _accepts(index.url, person, OLD)


def test_a_keyring_that_does_not_take_is_found_out_first(index: RunningIndex, person: str) -> None:
    env = {"PYTHON_KEYRING_BACKEND": "tests.helpers.keyring_failures.ReadOnly", "PYTHONPATH": str(ROOT)}
    done = _change(env=env)
    assert (done.code, "read-only" in done.stderr) == (4, True), done.stderr
    assert _accepts(index.url, person, OLD)
    alone = _change("--no-keyring", env=env)
    assert alone.code == 0, alone.stderr
    assert "The old password is still in keyring" in alone.stderr
    assert _accepts(index.url, person, NEW)


def test_a_keyring_that_fails_after_the_change_is_reported_with_a_remedy(
    index: RunningIndex, keyring_file: Path, person: str
) -> None:
    env = {
        "PYTHON_KEYRING_BACKEND": "tests.helpers.keyring_failures.KeepsTheOld",
        "PYTHONPATH": str(ROOT),
        "REFUSED_ALL_BUT": OLD,
    }
    done = _change(env=env)
    assert done.code == 4
    for said in ("has the new password, but it is not in keyring", "locked in between", "`pypi-publish login`"):
        assert said in done.stderr
    assert _accepts(index.url, person, NEW)
    assert _kept(keyring_file) == {OLD}
    assert pypi_publish("login", "-u", person, "--password-stdin", given=f"{NEW}\n").code == 0
    assert _kept(keyring_file) == {NEW}


@pytest.mark.parametrize("arrives", [True, False], ids=["after the change", "before the change"])
def test_a_lost_answer_is_cleared_up(index: RunningIndex, keyring_file: Path, person: str, arrives: bool) -> None:  # noqa: FBT001
    def lose_the_answer(request: Request) -> Answer | None:
        if request.method == "POST" and not arrives:
            return None
        passed = _pass_on(index.url, request)
        return None if request.method == "POST" else passed

    with answering(lose_the_answer) as url:
        assert pypi_publish("login", "-u", person, "--password-stdin", "--index-url", url, given=f"{OLD}\n").code == 0
        done = _change("--index-url", url)
    assert done.code == (0 if arrives else 6), done.stderr
    assert _accepts(index.url, person, NEW if arrives else OLD)
    entries = json.loads(keyring_file.read_text())
    assert entries[url] == {person: NEW if arrives else OLD}


def test_an_index_that_falls_silent_leaves_a_way_out(index: RunningIndex, keyring_file: Path, person: str) -> None:
    asked: list[str] = []

    def fall_silent(request: Request) -> Answer | None:
        asked.append(request.method)
        return None if "POST" in asked else _pass_on(index.url, request)

    with answering(fall_silent) as url:
        assert pypi_publish("login", "-u", person, "--password-stdin", "--index-url", url, given=f"{OLD}\n").code == 0
        done = _change("--index-url", url)
    assert done.code == IndexUnavailableError.exit_code
    assert "The password may or may not have changed" in done.stderr
    assert "`pypi-publish whoami`" in done.stderr
    assert json.loads(keyring_file.read_text())[url] == {person: OLD}


def _pass_on(url: str, request: Request) -> Answer:
    headers = {
        name: value for name, value in request.headers.items() if name in {"Authorization", "Accept", "Content-Type"}
    }
    found = requests.request(
        request.method, url + request.path.lstrip("/"), headers=headers, data=request.body, timeout=30
    )
    return Answer(found.status_code, found.content, {"Content-Type": found.headers["Content-Type"]})


def test_an_index_without_accounts_of_ours_is_reported(keyring_file: Path) -> None:
    def another_index(request: Request) -> Answer:
        if request.path == "/simple/":
            return Answer(200 if "Authorization" in request.headers else 401)
        return Answer(404)

    with answering(another_index) as url:
        done = _change("--index-url", url, "-u", "ada", "--password-stdin", given=f"{OLD}\n{NEW}\n")
    assert (done.code, "does not support changing passwords" in done.stderr) == (2, True), done.stderr
    assert _kept(keyring_file) == set()


def test_places_with_the_old_password_are_named(index: RunningIndex, person: str) -> None:
    netrc = Path.home() / ".netrc"
    netrc.write_text(f'machine 127.0.0.1 login {person} password "{OLD}"\n')
    netrc.chmod(0o600)
    done = _change(env={"PYPI_PUBLISH_USERNAME": person, "PYPI_PUBLISH_PASSWORD": OLD})
    assert done.code == 0, done.stderr
    assert "still in PYPI_PUBLISH_PASSWORD" in done.stderr
    assert f"still in {netrc}" in done.stderr
    assert index.url
