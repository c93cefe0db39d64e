"""Accounts in a file of this machine: what is written there and beside it, and how failures are reported."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from publisher.cli.run.admin.htpasswd_accounts import HtpasswdAccounts
from publisher.errors import ConfigurationError, PublishError
from publisher.secret import Secret
from publisher.server.auth import hashes
from publisher.server.auth.access.changes import RoleChanges
from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.oidc.publishers import Publisher
from publisher.server.auth.oidc.registry import PublisherRegistry
from publisher.server.auth.principal import Grant, Right
from publisher.server.auth.tokens.changes import TokenChanges
from publisher.server.storage.folder import FolderStorage

PASSWORD, OTHER = Secret("correct horse"), Secret("battery staple")


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "COST", 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "htpasswd"


def _events(folder: Path) -> list[tuple[str, str]]:
    lines = [line for each in sorted((folder / "audit").rglob("*")) for line in each.read_text().splitlines()]
    return [(event["what"], event["account"]) for event in map(json.loads, lines)]


def _give_token(path: Path, owner: str, name: str) -> None:
    changes = TokenChanges(FolderStorage(path.parent, mode=0o600), lambda: None)
    grants = (Grant(frozenset({Right.READ})),)
    asyncio.run(changes.create(owner, name, grants, expires=time.time() + 60, by=owner))


def test_an_account_is_created_changed_or_had_that_password(path: Path) -> None:
    accounts = HtpasswdAccounts(path)
    assert accounts.names() == []
    assert not path.exists()
    assert [accounts.add("bob", PASSWORD), accounts.add("ada", PASSWORD)] == ["created", "created"]
    before = path.read_bytes()
    assert (accounts.add("bob", PASSWORD), path.read_bytes()) == ("unchanged", before)
    assert accounts.add("bob", OTHER) == "changed"
    assert accounts.names() == ["ada", "bob"]
    assert _events(path.parent) == [("account-created", "bob"), ("account-created", "ada"), ("account-changed", "bob")]
    assert PASSWORD.reveal() not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_service_account_has_no_password(path: Path) -> None:
    accounts = HtpasswdAccounts(path)
    assert [accounts.add_service("ci"), accounts.add_service("ci")] == ["created", "unchanged"]
    assert _events(path.parent) == [("account-created", "ci")]
    accounts.add("ada", PASSWORD)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="ada is an account with a password"):
        accounts.add_service("ada")
    with pytest.raises(ConfigurationError, match="ci is a service account"):
        accounts.add("ci", PASSWORD)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "#a"])
def test_a_name_that_the_file_can_not_hold_is_refused(path: Path, name: str) -> None:
    accounts = HtpasswdAccounts(path)
    with pytest.raises(ConfigurationError):
        accounts.add(name, PASSWORD)
    with pytest.raises(ConfigurationError):
        accounts.add_service(name)
    assert (path.read_bytes(), accounts.names()) == (b"", [])


def test_a_new_account_inherits_no_token_but_a_new_password_ends_none(path: Path) -> None:
    """An account of that name may have been removed by `htpasswd -D`, which knows nothing of tokens."""
    accounts = HtpasswdAccounts(path)
    accounts.add("ada", PASSWORD)
    _give_token(path, "ada", "ci")
    accounts.add("ada", OTHER)
    assert _tokens(path) == [("ada", "ci")]
    path.write_text("")
    _give_token(path, "bob", "mine")
    assert accounts.add("ada", PASSWORD) == "created"
    assert _tokens(path) == [("bob", "mine")]


def _tokens(path: Path) -> list[tuple[str, str]]:
    return [(each["owner"], each["name"]) for each in json.loads((path.parent / "tokens.json").read_text())["tokens"]]


def _register(path: Path, voucher: str) -> str:
    settings = {"repository": f"acme/{voucher}", "workflow": "w.yml"}
    publisher = Publisher(f"of-{voucher}", "github", "https://issuer.example", settings, ("acme",), voucher)
    return asyncio.run(PublisherRegistry(FolderStorage(path.parent, mode=0o600)).add(publisher)).title


def test_an_account_ends_with_its_publishers_and_a_new_one_inherits_none(path: Path) -> None:
    accounts = HtpasswdAccounts(path)
    accounts.add("ada", PASSWORD)
    assert [_register(path, "ada"), _register(path, "bob")] == ["acme/ada (w.yml)", "acme/bob (w.yml)"]
    accounts.add("ada", OTHER)
    assert accounts.remove("ada")["publishers"] == ["acme/ada (w.yml)"]
    _register(path, "ada")
    accounts.add("ada", PASSWORD)
    assert accounts.remove("ada")["publishers"] == []
    accounts.add_service("bob")
    assert accounts.remove("bob")["publishers"] == []


def test_an_account_ends_with_its_tokens_and_roles(path: Path) -> None:
    accounts = HtpasswdAccounts(path)
    accounts.add("ada", PASSWORD)
    accounts.add("bob", PASSWORD)
    for owner, name in (("ada", "b"), ("ada", "a"), ("bob", "mine")):
        _give_token(path, owner, name)
    _give_role(path, "ada")
    ended = accounts.remove("ada")
    assert (list(ended), ended["publishers"], ended["tokens"]) == (["publishers", "tokens", "roles"], [], ["a", "b"])
    assert len(ended["roles"]) == 1
    assert (accounts.names(), _tokens(path)) == (["bob"], [("bob", "mine")])
    assert _events(path.parent)[-1] == ("account-removed", "ada")
    assert accounts.remove("bob") == {"publishers": [], "tokens": ["mine"], "roles": []}


def _give_role(path: Path, name: str) -> None:
    async def work() -> Any:
        storage = FolderStorage(path.parent, mode=0o600)
        access = AccessControl(storage, path, ())
        await access.bring_up_to_date()
        return await RoleChanges(storage, access).set_role(name, "maintainer", "acme")

    asyncio.run(work())


@pytest.mark.parametrize("name", ["eve", ""])
def test_an_unknown_account_is_not_removed(path: Path, name: str) -> None:
    accounts = HtpasswdAccounts(path)
    with pytest.raises(PublishError) as caught:
        accounts.remove(name)
    assert caught.value.message == f"Unknown user {name} in {path}."
    assert not path.exists()
    accounts.add("ada", PASSWORD)
    with pytest.raises(PublishError, match="Unknown user"):
        accounts.remove(name)
    assert accounts.names() == ["ada"]


def test_what_an_account_leaves_behind_is_reported(path: Path) -> None:
    accounts = HtpasswdAccounts(path)
    accounts.add("ada", PASSWORD)
    (path.parent / "tokens.json").write_text("not JSON")
    with pytest.raises(PublishError) as caught:
        accounts.remove("ada")
    assert caught.value.message.startswith("Removed ada, but not all of its tokens, roles and publishers: ")
    assert caught.value.hint == "Remove them before you give that name to another account."
    assert accounts.names() == []


def test_a_folder_in_place_of_the_file_is_no_accounts_file(path: Path) -> None:
    path.mkdir()
    accounts = HtpasswdAccounts(path)
    with pytest.raises(ConfigurationError) as caught:
        accounts.names()
    assert caught.value.message.startswith(f"The htpasswd file {path} can't be used: ")


def test_a_change_without_its_event_is_no_success(path: Path) -> None:
    (path.parent / "audit").write_text("in the way")
    with pytest.raises(PublishError, match="The change was made, but the audit trail") as caught:
        HtpasswdAccounts(path).add("ada", PASSWORD)
    assert "run the same command again" in str(caught.value.hint)
