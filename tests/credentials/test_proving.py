"""Logging in and out and changing a password, in one process: what the index and keyring have after each step."""

import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from publisher.client.url import IndexUrl
from publisher.credentials import remembered
from publisher.credentials.chain import Target
from publisher.credentials.login import end_sessions, log_in, log_out, who_am_i
from publisher.credentials.machine_token import machine_token
from publisher.credentials.password import PasswordChange, change_password
from publisher.errors import ConfigurationError, CredentialsError, IndexUnavailableError, NotOfferedError
from publisher.secret import Credentials, Secret
from tests.helpers.answering import Answer, of_text
from tests.helpers.rings import AccountIndex, MemoryRing, account_index, ring_in_use

RIGHT = Credentials("ada", Secret("correct horse"), "a test")
WRONG = Credentials("ada", Secret("wrong"), "a test")


@pytest.fixture
def ring() -> Iterator[MemoryRing]:
    with ring_in_use() as ring:
        yield ring


@pytest.fixture
def index() -> Iterator[AccountIndex]:
    with account_index() as index:
        yield index


def test_a_login_is_verified_stored_and_remembered(index: AccountIndex, ring: MemoryRing) -> None:
    login = log_in(index.url, RIGHT)
    assert (login.account.username, login.account.rights, login.keyring) == ("ada", ("download",), MemoryRing.name)
    assert ring.entries == {(service, "ada"): "correct horse" for service in index.url.keyring_services}
    assert remembered.remembered_username(index.url.root) == "ada"
    assert who_am_i(Target(index.url)) == (login.account, "keyring")
    assert log_out(index.url, None) == "ada"
    assert ring.entries == {}
    assert remembered.remembered_username(index.url.root) is None
    assert log_out(index.url, None) is None


def test_a_refused_login_stores_nothing(index: AccountIndex, ring: MemoryRing) -> None:
    with pytest.raises(CredentialsError):
        log_in(index.url, WRONG)
    with pytest.raises(CredentialsError):
        log_in(index.url, WRONG, lambda _: pytest.fail("nothing was proven"))
    assert ring.entries == {}
    assert remembered.remembered_username(index.url.root) is None


def test_a_token_takes_the_place_of_the_password(
    index: AccountIndex, ring: MemoryRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "my-laptop_7.l\u00f6cal" + "x" * 60)
    log_in(index.url, RIGHT)
    login = log_in(index.url, RIGHT, lambda proven: machine_token(index.url, proven))
    assert login.account.username == "ada"
    assert ring.users() == {("__token__", "a-new-token")}, "the password of the earlier login is gone"
    assert remembered.remembered_username(index.url.root) == "__token__"
    method, path, body = index.asked[-1]
    assert isinstance(body, dict)
    assert (method, path, body["rights"], body["projects"]) == ("POST", "-/tokens", ["read", "publish"], ["*"])
    host = "mylaptop7lcal" + "x" * 23
    assert body["name"].startswith(f"login-{host}-")
    assert len(body["name"]) == len(f"login-{host}-") + 6


@pytest.mark.parametrize("host", ["", "---", "\u4e3b\u6a5f"])
def test_a_machine_without_a_name_has_a_token_all_the_same(
    index: AccountIndex, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    names = set()
    for _ in range(2):
        found = machine_token(index.url, RIGHT)
        assert (found.username, found.password.reveal(), found.source) == ("__token__", "a-new-token", "the login")
        body = index.asked[-1][2]
        assert isinstance(body, dict)
        names.add(body["name"])
    assert all(name.startswith("login-machine-") for name in names)
    assert len(names) == 2


def test_logging_out_is_of_the_named_user(index: AccountIndex, ring: MemoryRing) -> None:
    log_in(index.url, RIGHT)
    ring.set_password(index.url.root, "bob", "of-bob")
    assert log_out(index.url, "eve") is None
    assert log_out(index.url, "bob") == "bob"
    assert ring.users() == {("ada", "correct horse")}


def test_sessions_are_ended_with_the_password(index: AccountIndex) -> None:
    assert end_sessions(Target(index.url, "ada", Secret("correct horse"))) == "ada"
    assert index.asked == [("DELETE", "-/sessions", {})]
    with pytest.raises(CredentialsError) as refused:
        end_sessions(Target(index.url, "ada", Secret("wrong")))
    assert "--username NAME" in str(refused.value.hint)
    index.answers["-/sessions"] = of_text(404, "no")
    with pytest.raises(NotOfferedError) as caught:
        end_sessions(Target(index.url, "ada", Secret("correct horse")))
    assert "without --everywhere" in str(caught.value.hint)


# a new password


NEW = Secret("a new password")


def change(index: AccountIndex, *files: Path, keep: bool = True, target: Target | None = None) -> PasswordChange:
    def old_places(url: IndexUrl) -> Iterable[Path]:
        assert url == index.url
        return files

    def choose(username: str) -> Secret:
        assert username == "ada"
        return NEW

    return change_password(target or Target(index.url), choose, old_places, keep=keep)


def given(index: AccountIndex) -> Target:
    return Target(index.url, "ada", Secret("correct horse"))


def test_a_new_password_is_on_the_index_and_in_keyring(index: AccountIndex, ring: MemoryRing, tmp_path: Path) -> None:
    log_in(index.url, RIGHT)
    changed = change(index, tmp_path / "netrc")
    assert changed == PasswordChange("ada", MemoryRing.name, [str(tmp_path / "netrc")])
    assert index.passwords["ada"] == NEW.reveal()
    assert ring.entries == {(service, "ada"): NEW.reveal() for service in index.url.keyring_services}
    assert remembered.remembered_username(index.url.root) == "ada"


def test_a_new_password_is_kept_nowhere_where_that_is_wished(index: AccountIndex, ring: MemoryRing) -> None:
    log_in(index.url, RIGHT)
    changed = change(index, keep=False)
    assert changed == PasswordChange("ada", None, ["keyring"])
    assert ring.users() == {("ada", "correct horse")}
    changed = change(index, keep=False, target=Target(index.url, "ada", NEW))
    assert [place.partition(",")[0] for place in changed.outdated] == ["PYPI_PUBLISH_PASSWORD"]


def test_a_given_password_is_stored_once_it_is_changed(index: AccountIndex, ring: MemoryRing) -> None:
    changed = change(index, target=given(index))
    assert changed.keyring == MemoryRing.name
    assert [place.partition(",")[0] for place in changed.outdated] == ["PYPI_PUBLISH_PASSWORD"]
    assert ring.users() == {("ada", NEW.reveal())}
    assert remembered.remembered_username(index.url.root) == "ada"


def test_a_wrong_password_in_use_changes_nothing(index: AccountIndex, ring: MemoryRing) -> None:
    with pytest.raises(CredentialsError):
        change(index, target=Target(index.url, "ada", Secret("wrong")))
    assert (index.paths, ring.entries) == (["whoami"], {})


def test_a_keyring_that_takes_nothing_is_found_out_before_the_change(index: AccountIndex, ring: MemoryRing) -> None:
    ring.refuses = "correct horse"
    with pytest.raises(CredentialsError, match="it is full"):
        change(index, target=given(index))
    assert "password" not in index.paths
    assert index.passwords["ada"] == "correct horse"


def test_a_keyring_that_does_not_take_the_new_one_leaves_a_remedy(index: AccountIndex, ring: MemoryRing) -> None:
    ring.refuses = NEW.reveal()
    with pytest.raises(CredentialsError, match="has the new password, but it is not in keyring") as caught:
        change(index, target=given(index))
    assert "The old password no longer works" in str(caught.value.hint)
    assert remembered.remembered_username(index.url.root) is None


@pytest.mark.parametrize("was_there", [False, True])
@pytest.mark.parametrize(
    ("answer", "error"), [(of_text(422, "too short"), ConfigurationError), (of_text(404), NotOfferedError)]
)
def test_a_refused_change_leaves_keyring_as_it_was(
    index: AccountIndex, ring: MemoryRing, answer: Answer, error: type[Exception], *, was_there: bool
) -> None:
    if was_there:
        log_in(index.url, RIGHT)
    index.answers["password"] = answer
    before = dict(ring.entries)
    index.asked.clear()
    with pytest.raises(error):
        change(index, target=given(index))
    assert ring.entries == before
    assert index.paths == ["whoami", "password"]


def test_an_answer_that_is_lost_after_the_change_is_no_failure(index: AccountIndex, ring: MemoryRing) -> None:
    index.loses_answers = True
    assert change(index, target=given(index)).username == "ada"
    assert index.paths == ["whoami", "password", "whoami"]
    assert ring.users() == {("ada", NEW.reveal())}


def test_a_change_that_failed_is_the_failure_of_the_index(index: AccountIndex, ring: MemoryRing) -> None:
    index.answers["password"] = of_text(501, "oh")
    with pytest.raises(IndexUnavailableError, match="501"):
        change(index, target=given(index))
    assert index.paths == ["whoami", "password", "whoami"]
    assert ring.entries == {}


@pytest.mark.usefixtures("ring")
def test_an_index_that_falls_silent_leaves_a_way_out(index: AccountIndex) -> None:
    def choose(_: str) -> Secret:
        index.answers = dict.fromkeys(("password", "whoami"), of_text(501, "oh"))
        return NEW

    with pytest.raises(IndexUnavailableError, match="may or may not have changed") as caught:
        change_password(given(index), choose, lambda _: ())
    assert "pypi-publish whoami" in str(caught.value.hint)
