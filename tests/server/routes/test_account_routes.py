"""The handlers of accounts: their answers, what ends with an account, and what the trail says of each change."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bcrypt
import pytest

import publisher
from publisher.server.auth import hashes
from publisher.server.auth.audit.query import AuditQuery, find_events
from publisher.server.auth.audit.trail import AuditTrail
from publisher.server.auth.authenticator import Authenticator
from publisher.server.auth.principal import ADMIN_TOKEN, WORKING_RIGHTS, Grant, Principal, PrincipalKind, Right
from publisher.server.http.messages import HttpError, Message, Request, Response
from publisher.server.routes.accounts import AccountRoutes, create_accounts
from publisher.server.settings import ServerSettings, UpstreamSettings
from publisher.server.storage.errors import NotDurableError
from publisher.server.storage.folder import FolderStorage

ADA = Principal("ada", PrincipalKind.ACCOUNT, (Grant(WORKING_RIGHTS),), account="ada")


class Index:
    """The accounts of one index, and what was asked to end."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = ServerSettings((folder,), **{"htpasswd": folder / "htpasswd", **settings})
        self.storage = FolderStorage(folder, mode=0o600)
        self.left: dict[str, list[str]] = {"tokens": [], "roles": []}
        self.asked: list[tuple[str, str]] = []
        self.routes = AccountRoutes(
            self.settings,
            Authenticator(self.settings, self.storage),
            self.storage,
            AuditTrail(self.storage),
            {kind: self._ending(kind) for kind in self.left},
            self._granted,
        )

    def _ending(self, kind: str) -> Callable[[str], Any]:
        async def end(username: str) -> Sequence[str]:
            self.asked.append((kind, username))
            found, self.left[kind] = self.left[kind], []
            return tuple(found)

        return end

    async def _granted(self, principal: Principal) -> list[dict[str, Any]]:
        return [{"rights": ["read"], "projects": f"of-{principal.name}"}, {"rights": ["manage"], "projects": "*"}]

    def register(self, **values: Any) -> tuple[int, Any]:
        return answer(self.routes.register(request(ADMIN_TOKEN, **values)))

    def events(self) -> list[tuple[Any, ...]]:
        found = find_events(self.storage.files(), AuditQuery())
        return [(each["what"], each["user"], each.get("account")) for each in found]


def request(who: Principal, **values: Any) -> Request:
    async def receive() -> Message:
        raise AssertionError

    made = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    made.principal, made.json = who, values
    return made


def answer(work: Any) -> tuple[int, Any]:
    response: Response = asyncio.run(work)
    return response.status, json.loads(response.body)


def refusal(work: Any) -> tuple[int, str]:
    with pytest.raises(HttpError) as caught:
        asyncio.run(work)
    return caught.value.status, caught.value.message


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashes, "make", lambda text: bcrypt.hashpw(text.encode(), bcrypt.gensalt(4)).decode())


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path)


def test_each_change_has_an_answer_and_an_event_of_its_own(index: Index) -> None:
    assert index.register(username="ada", password="long enough") == (201, {"username": "ada", "status": "created"})
    assert index.register(username="ada", password="long enough") == (200, {"username": "ada", "status": "unchanged"})
    assert index.register(username="ada", password="other words") == (200, {"username": "ada", "status": "changed"})
    assert index.register(username="robot", service=True) == (201, {"username": "robot", "status": "created"})
    assert index.register(username="robot", service=True) == (200, {"username": "robot", "status": "unchanged"})
    assert index.events() == [
        ("account-created", "AUTH_TOKEN", "ada"),
        ("account-changed", "AUTH_TOKEN", "ada"),
        ("account-created", "AUTH_TOKEN", "robot"),
    ]
    assert answer(index.routes.list(request(ADMIN_TOKEN))) == (200, {"users": ["ada", "robot"], "services": ["robot"]})


def test_a_new_account_has_nothing_that_an_old_one_left_but_its_roles(index: Index) -> None:
    index.register(username="ada", password="long enough")
    assert index.asked == [("tokens", "ada")]
    index.register(username="ada", password="other words")
    index.register(username="ada", password="other words")
    assert index.asked == [("tokens", "ada")]


def test_registrations_that_are_not_valid(index: Index) -> None:
    status, words = refusal(index.routes.register(request(ADMIN_TOKEN, username="ada")))
    assert (status, "'password'" in words) == (422, True)
    status, words = refusal(index.routes.register(request(ADMIN_TOKEN, username="ada", password="short")))
    assert (status, "at least" in words) == (422, True)
    assert refusal(index.routes.register(request(ADMIN_TOKEN, username="a:b", service=True)))[0] == 422
    assert (index.events(), index.asked) == ([], [])


def test_what_an_account_left_ends_with_it_and_is_named(index: Index) -> None:
    index.register(username="ada", password="long enough")
    index.asked.clear()
    index.left["tokens"] = ["ci", "laptop"]
    gone = {"username": "ada", "status": "removed", "ended": {"tokens": ["ci", "laptop"], "roles": []}}
    assert answer(index.routes.remove(request(ADMIN_TOKEN), "ada")) == (200, gone)
    assert index.asked == [("tokens", "ada"), ("roles", "ada")]
    (event,) = find_events(index.storage.files(), AuditQuery())[1:]
    assert (event["what"], event["account"], event["tokens"]) == ("account-removed", "ada", ["ci", "laptop"])
    assert "roles" not in event
    assert answer(index.routes.list(request(ADMIN_TOKEN)))[1] == {"users": [], "services": []}


def test_leftovers_of_an_account_that_is_gone_end_too(index: Index) -> None:
    index.left["roles"] = ["*"]
    status, found = answer(index.routes.remove(request(ADMIN_TOKEN), "ada"))
    assert (status, found["ended"]) == (200, {"tokens": [], "roles": ["*"]})
    assert refusal(index.routes.remove(request(ADMIN_TOKEN), "ada")) == (404, "Unknown user ada.")
    long = refusal(index.routes.remove(request(ADMIN_TOKEN), "x" * 500))[1]
    assert long == f"Unknown user {'x' * 128}."


def test_an_account_changes_its_own_password(index: Index) -> None:
    index.register(username="ada", password="long enough")
    changed = index.routes.change_password(request(ADA, password="other words"))
    assert answer(changed) == (200, {"username": "ada", "status": "changed"})
    assert index.events()[1:] == [("password-changed", "ada", "ada")]
    assert index.asked == [("tokens", "ada")]
    assert refusal(index.routes.change_password(request(ADA, password="short")))[0] == 422


def test_a_password_changes_for_a_name_that_is_no_longer_valid(index: Index) -> None:
    (index.settings.roots[0] / "htpasswd").write_text("<b>:{SHA}x\n")
    who = Principal("<b>", PrincipalKind.ACCOUNT, account="<b>")
    assert answer(index.routes.change_password(request(who, password="long enough")))[0] == 200


@pytest.mark.parametrize(
    ("rights", "activities"),
    [
        ({Right.READ}, ["download", "list"]),
        ({Right.PUBLISH}, ["download", "list", "update"]),
        ({Right.MANAGE}, ["download", "list", "update"]),
        ({Right.CREATE}, ["update"]),
        ({Right.ADMIN}, []),
    ],
)
def test_an_account_asks_for_its_rights(index: Index, rights: set[Right], activities: list[str]) -> None:
    who = Principal("ada", PrincipalKind.ACCOUNT, (Grant(frozenset(rights)),), account="ada")
    assert answer(index.routes.whoami(request(who))) == (
        200,
        {
            "username": "ada",
            "rights": activities,
            "grants": [
                {"rights": ["read"], "projects": "of-ada", "role": "reader"},
                {"rights": ["manage"], "projects": "*", "role": None},
            ],
            "index": "pypi-publish",
            "version": publisher.__version__,
            "passes-on": False,
        },
    )


def test_an_index_that_passes_on_tells_the_minimum_age(tmp_path: Path) -> None:
    upstream = UpstreamSettings((), tmp_path / "cache", cooldown=60)
    found = answer(Index(tmp_path, upstream=upstream).routes.whoami(request(ADA)))
    assert (found[1]["passes-on"], found[1]["cooldown"]) == (True, 60)


def test_without_a_file_there_is_no_account_api(tmp_path: Path) -> None:
    index = Index(tmp_path, htpasswd=None, authenticate=frozenset())
    status, words = refusal(index.routes.list(request(ADMIN_TOKEN)))
    assert (status, "without an htpasswd file" in words) == (404, True)


def test_a_change_that_may_not_last_says_so(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NotDurableError("The disk does not answer.")

    monkeypatch.setattr("publisher.server.auth.htpasswd.rewrite", fail)
    with pytest.raises(NotDurableError) as caught:
        index.register(username="robot", service=True)
    assert caught.value.message == "The disk does not answer. It may or may not hold. Try again."


def test_accounts_without_an_index_are_those_of_the_storage(tmp_path: Path) -> None:
    settings = ServerSettings((tmp_path,), htpasswd=tmp_path / "htpasswd")
    routes = create_accounts(settings, FolderStorage(tmp_path, mode=0o600))
    assert answer(routes.register(request(ADMIN_TOKEN, username="robot", service=True)))[0] == 201
    ended = answer(routes.remove(request(ADMIN_TOKEN), "robot"))[1]["ended"]
    assert ended == {"tokens": [], "publishers": []}
    assert answer(routes.whoami(request(ADA)))[1]["grants"] == []
