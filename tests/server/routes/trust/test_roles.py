"""The handlers of roles, maintainers, sessions and the storage: rights, refusals, and what is recorded."""

import asyncio
import json
from typing import Any, cast

import pytest

from publisher.server.auth.audit.trail import AuditEvent
from publisher.server.auth.errors import PasswordNeededError
from publisher.server.auth.principal import ADMIN_TOKEN, Principal, PrincipalKind
from publisher.server.http.messages import HttpError, Message, Request, Response
from publisher.server.routes.storage import StorageRoutes
from publisher.server.routes.trust.oversight import Oversight
from publisher.server.routes.trust.roles import RoleRoutes
from publisher.server.routes.trust.sessions import SessionRoutes
from publisher.server.store.ledger import Confirmation
from publisher.server.store.projects import Project

ADA = Principal("ada", PrincipalKind.ACCOUNT, account="ada")
TOKEN = Principal("ada", PrincipalKind.TOKEN, account="ada", token="t")


class _Index:
    """One project with a maintainer, three accounts, and what was changed and recorded."""

    def __init__(self) -> None:
        self.maintainers = {"ada"}
        self.added_by: list[str] = []
        self.roles: list[tuple[Any, ...]] = []
        self.ended: list[str] = []
        self.events: list[AuditEvent] = []
        self.confirmation: Confirmation | None = None

    async def record(self, event: AuditEvent) -> None:
        self.events.append(event)

    async def projects_of(self, account: str) -> frozenset[str]:
        return frozenset({"lib", "acme"}) if account == "ada" else frozenset()

    async def set_role(self, name: str, role: str, project: str, maintained: Any = ()) -> list[Any]:
        self.roles.append((name, role, project, maintained))
        return []

    async def of(self, _project: str) -> frozenset[str]:
        return frozenset(self.maintainers)

    async def find(self, name: str) -> Project | None:
        return Project(name) if name == "acme" else None

    async def knows(self, name: str) -> bool:
        return name in {"ada", "eve", "grace"}

    async def add(self, _project: str, account: str, by: str) -> None:
        self.maintainers.add(account)
        self.added_by.append(by)

    async def remove(self, _project: str, account: str) -> bool:
        known = account in self.maintainers
        self.maintainers.discard(account)
        return known

    async def end_all(self, username: str) -> None:
        self.ended.append(username)

    async def confirm_loss(self) -> Confirmation | None:
        return self.confirmation


def _request(who: Principal, **values: Any) -> Request:
    async def receive() -> Message:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "client": ("192.0.2.1", 7)}
    request = Request(scope, receive)
    request.principal, request.json = who, values
    return request


def _routes(index: _Index) -> RoleRoutes:
    each = cast("Any", index)
    return RoleRoutes(each, each, each, each, Oversight(each, each))


def _recorded(index: _Index) -> list[tuple[str, str, dict[str, Any]]]:
    return [(event.what, event.project, dict(event.details)) for event in index.events]


def _owners(index: _Index, who: Principal, path: str = "acme", **values: Any) -> Response:
    return asyncio.run(_routes(index).change_owners(_request(who, **values), path))


@pytest.mark.parametrize("who", [ADA, ADMIN_TOKEN])
def test_a_maintainer_is_added_and_removed_by_people_and_admins(who: Principal) -> None:
    index = _Index()
    answer = _owners(index, who, "Acme", add="grace", remove=None)
    assert json.loads(answer.body) == {"project": "acme", "maintainers": ["ada", "grace"]}
    assert index.added_by == [who.name]
    answer = _owners(index, who, add="", remove="ada")
    assert json.loads(answer.body) == {"project": "acme", "maintainers": ["grace"]}
    assert _recorded(index) == [
        ("owner-added", "acme", {"account": "grace"}),
        ("owner-removed", "acme", {"account": "ada"}),
    ]
    assert {(event.who, event.address) for event in index.events} == {(who, "192.0.2.1")}


def test_a_token_changes_no_maintainer() -> None:
    index = _Index()
    with pytest.raises(PasswordNeededError):
        _owners(index, TOKEN, add="grace")
    assert (index.maintainers, index.events) == ({"ada"}, [])


@pytest.mark.parametrize(
    ("path", "values", "status", "words"),
    [
        ("other", {"add": "grace"}, 404, "no project other"),
        ("acme/1.0", {"add": "grace"}, 404, "/-/owners/NAME"),
        ("", {"add": "grace"}, 404, "/-/owners/NAME"),
        ("acme", {}, 422, "one of the keys"),
        ("acme", {"add": "grace", "remove": "ada"}, 422, "one of the keys"),
        ("acme", {"add": "a:b"}, 422, ":"),
        ("acme", {"add": "nobody"}, 404, "Unknown user nobody"),
        ("acme", {"remove": "eve"}, 404, "eve is not a maintainer of acme"),
    ],
)
def test_a_change_of_maintainers_that_is_refused_records_nothing(
    path: str, values: dict[str, str], status: int, words: str
) -> None:
    index = _Index()
    with pytest.raises(HttpError, match=words) as refused:
        _owners(index, ADA, path, **values)
    assert (refused.value.status, index.maintainers, index.events) == (status, {"ada"}, [])


def test_maintainers_are_listed_in_order() -> None:
    index = _Index()
    index.maintainers = {"grace", "ada", "eve"}
    answer = asyncio.run(_routes(index).owners(_request(ADA), "Acme"))
    assert json.loads(answer.body) == {"project": "acme", "maintainers": ["ada", "eve", "grace"]}


@pytest.mark.parametrize(
    ("name", "project", "maintained", "known"),
    [
        ("ada", "acme-*", ["acme", "lib"], True),
        ("grace", None, [], True),
        ("@web", "acme", [], True),
        ("bob", None, [], False),
    ],
)
def test_a_role_is_set_with_what_records_leave_the_account(
    name: str, project: str | None, maintained: list[str], *, known: bool
) -> None:
    index = _Index()
    given = {"name": name, "role": "reader", **({"project": project} if project else {})}
    answer = asyncio.run(_routes(index).set_role(_request(ADMIN_TOKEN, **given)))
    pattern = project or "*"
    said = {"name": name, "role": "reader", "project": pattern, "known": known, "wider": []}
    assert json.loads(answer.body) == said
    assert index.roles == [(name, "reader", pattern, maintained)]
    assert _recorded(index) == [("role-set", "", {"account": name, "role": "reader", "pattern": pattern})]


@pytest.mark.parametrize("name", ["a:b", "@a:b", "", "@"])
def test_a_role_is_for_a_name_that_an_account_may_have(name: str) -> None:
    index = _Index()
    with pytest.raises(HttpError) as refused:
        asyncio.run(_routes(index).set_role(_request(ADMIN_TOKEN, name=name, role="reader")))
    assert (refused.value.status, index.roles, index.events) == (422, [], [])


def test_the_sessions_of_the_sender_end_together() -> None:
    index = _Index()
    routes = SessionRoutes(cast("Any", index), Oversight(cast("Any", index), cast("Any", index)))
    answer = asyncio.run(routes.end_all(_request(ADA)))
    assert json.loads(answer.body) == {"username": "ada", "status": "ended"}
    assert (index.ended, _recorded(index)) == (["ada"], [("sessions-ended", "", {"account": "ada"})])


@pytest.mark.parametrize("lost", [False, True])
def test_a_confirmed_loss_is_recorded_where_there_was_one(*, lost: bool) -> None:
    index = _Index()
    routes = StorageRoutes(cast("Any", index), Oversight(cast("Any", index), cast("Any", index)))
    with pytest.raises(HttpError, match="no list of owned names") as refused:
        asyncio.run(routes.confirm_loss(_request(ADMIN_TOKEN)))
    assert refused.value.status == 409
    index.confirmation = Confirmation(7, lost)
    answer = asyncio.run(routes.confirm_loss(_request(ADMIN_TOKEN)))
    assert json.loads(answer.body) == {"status": "confirmed" if lost else "nothing-lost", "names": 7}
    assert _recorded(index) == ([("loss-confirmed", "", {"names": 7})] if lost else [])


def test_details_without_a_value_are_not_recorded() -> None:
    index = _Index()
    oversight = Oversight(cast("Any", index), cast("Any", index))
    asyncio.run(oversight.record(_request(ADA), "yank", "acme", version="1.0", reason="", files=None))
    assert _recorded(index) == [("yank", "acme", {"version": "1.0", "reason": ""})]
