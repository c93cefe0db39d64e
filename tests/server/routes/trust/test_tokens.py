"""The handlers of tokens: their owners, bounds and answers, and what is recorded before each is acknowledged."""

import asyncio
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from publisher.server.auth.principal import ADMIN_TOKEN, Grant, Principal, PrincipalKind, Right
from publisher.server.auth.tokens.records import InvalidTokenRequestError, TokenRecord
from publisher.server.http.messages import HttpError, Message, Request, Response
from publisher.server.routes.trust import tokens
from publisher.server.routes.trust.tokens import LONGEST, TokenRoutes

EVERYTHING = Grant(frozenset(Right), "*")
ADA = Principal("ada", PrincipalKind.ACCOUNT, account="ada")
ROOT = Principal("root", PrincipalKind.ACCOUNT, (EVERYTHING,), account="root")


def _record(name: str, owner: str, identifier: str = "") -> TokenRecord:
    grants = (Grant(frozenset({Right.READ}), "*"),)
    return TokenRecord(identifier or f"{owner}-{name}", name, owner, "digest", grants, 1.0, owner)


class _Index:
    """Tokens in memory, one service account, and what was recorded."""

    def __init__(self) -> None:
        self.records = {
            each.identifier: each for each in (_record("b", "root"), _record("z", "ada"), _record("a", "ada"))
        }
        self.created: list[tuple[Any, ...]] = []
        self.recorded: list[tuple[Any, ...]] = []
        self.failure: Exception | None = None
        self.copy = self

    async def get(self, _age: float) -> dict[str, TokenRecord]:
        return self.records

    async def last_used(self) -> dict[str, str]:
        return {"ada-a": "2026-01-01"}

    async def of_token(self, record: TokenRecord) -> list[str]:
        return [f"rights of {record.identifier}"]

    async def is_service(self, name: str) -> bool:
        return name == "robot"

    async def create(
        self, owner: str, name: str, grants: tuple[Grant, ...], *, expires: float | None, by: str
    ) -> tuple[TokenRecord, str]:
        if self.failure is not None:
            raise self.failure
        self.created.append((owner, name, [(sorted(grant.rights), grant.pattern) for grant in grants], expires, by))
        return TokenRecord("new", name, owner, "digest", grants, 1.0, by, expires), "the text"

    async def revoke(self, owner: str, name: str | None = None) -> Sequence[str]:
        ended = [each.identifier for each in self.records.values() if (each.owner, each.name) == (owner, name)]
        for identifier in ended:
            del self.records[identifier]
        return ended

    async def record(self, _request: Request, what: str, project: str = "", **details: Any) -> None:
        self.recorded.append((what, project, details))


def _routes(index: _Index) -> TokenRoutes:
    each = cast("Any", index)
    return TokenRoutes(each, each, each, each, each)


def _request(who: Principal, **values: Any) -> Request:
    async def receive() -> Message:
        raise AssertionError

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    request.principal, request.json = who, values
    return request


def _create(index: _Index, who: Principal, **values: Any) -> Response:
    given = {"name": "ci", "rights": ["read"], **values}
    return asyncio.run(_routes(index).create(_request(who, **given)))


def test_a_token_is_made_and_recorded_and_its_text_is_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: 1000.0))
    index = _Index()
    answer = _create(index, ADA, rights=["read", "publish"], projects=["acme", "Docs"], **{"expires-days": 2})
    grants = [(["publish", "read"], "acme"), (["publish", "read"], "docs")]
    expires = 1000.0 + 2 * 86400
    assert index.created == [("ada", "ci", grants, expires, "ada")]
    found = json.loads(answer.body)
    assert (answer.status, found["token"], found["owner"], found["last-used"]) == (201, "the text", "ada", None)
    assert "sha256" not in found
    details = {"token_name": "ci", "owner": "ada", "rights": ["publish", "read"], "projects": ["acme", "docs"]}
    assert index.recorded == [("token-created", "", {**details, "expires": expires})]


def test_a_token_without_projects_and_days_is_for_all_of_them_and_does_not_end() -> None:
    index = _Index()
    _create(index, ADA)
    _create(index, ADA, **{"expires-days": None})
    assert index.created == [("ada", "ci", [(["read"], "*")], None, "ada")] * 2


@pytest.mark.parametrize(("days", "is_taken"), [(0, False), (-1, False), (0.5, True), (LONGEST, True), (3661, False)])
def test_a_token_ends_within_ten_years(days: float, *, is_taken: bool) -> None:
    index = _Index()
    if is_taken:
        assert _create(index, ADA, **{"expires-days": days}).status == 201
    else:
        with pytest.raises(HttpError, match="up to 3660 days") as refused:
            _create(index, ADA, **{"expires-days": days})
        assert refused.value.status == 422
        assert index.created == index.recorded == []


@pytest.mark.parametrize("key", ["rights", "projects"])
def test_a_token_has_a_bounded_number_of_values(key: str) -> None:
    value = "read" if key == "rights" else "acme"
    assert _create(_Index(), ADA, **{key: [value] * 100}).status == 201
    with pytest.raises(HttpError, match=f"'{key}' must be a list of at most 100") as refused:
        _create(_Index(), ADA, **{key: [value] * 101})
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("who", "owner", "status"),
    [
        (ADA, "", 201),
        (ADA, "ada", 201),
        (ADA, "robot", 403),
        (ADA, "root", 403),
        (ROOT, "robot", 201),
        (ROOT, "ada", 403),
        (ADMIN_TOKEN, "robot", 201),
        (ADMIN_TOKEN, "", 422),
        (ADMIN_TOKEN, ADMIN_TOKEN.name, 422),
        (ADMIN_TOKEN, "ada", 403),
    ],
)
def test_people_make_their_own_tokens_and_admins_those_of_services(who: Principal, owner: str, status: int) -> None:
    index = _Index()
    if status == 201:
        assert json.loads(_create(index, who, owner=owner).body)["owner"] == (owner or who.name)
        assert index.created[0][-1] == who.name
    else:
        with pytest.raises(HttpError) as refused:
            _create(index, who, owner=owner)
        assert (refused.value.status, index.created) == (status, [])


def test_an_invalid_request_makes_nothing() -> None:
    index = _Index()
    with pytest.raises(HttpError, match="Unknown rights") as refused:
        _create(index, ADA, rights=["admin"])
    assert refused.value.status == 422
    index.failure = InvalidTokenRequestError("There is a token of that name.")
    with pytest.raises(HttpError, match="of that name") as refused:
        _create(index, ADA)
    assert (refused.value.status, index.recorded) == (422, [])


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (ADA, [("ada", "a"), ("ada", "z")]),
        (ROOT, [("ada", "a"), ("ada", "z"), ("root", "b")]),
        (Principal("eve", PrincipalKind.ACCOUNT), []),
    ],
)
def test_tokens_are_listed_in_order_to_their_owners_and_to_admins(
    who: Principal, expected: list[tuple[str, str]]
) -> None:
    answer = asyncio.run(_routes(_Index()).list(_request(who)))
    found = json.loads(answer.body)["tokens"]
    assert [(each["owner"], each["name"]) for each in found] == expected
    assert not any("sha256" in each or "token" in each for each in found)
    for each in found:
        assert each["rights-now"] == [f"rights of {each['id']}"]
        assert each["last-used"] == ("2026-01-01" if each["name"] == "a" else None)


@pytest.mark.parametrize(
    ("who", "path", "status", "owner"),
    [
        (ADA, "a", 200, "ada"),
        (ADA, "ada/a", 200, "ada"),
        (ADA, "b", 404, ""),
        (ADA, "root/b", 403, ""),
        (ADA, "/a", 403, ""),
        (ROOT, "b", 200, "root"),
        (ROOT, "ada/a", 200, "ada"),
        (ROOT, "a", 404, ""),
        (ROOT, "ada/none", 404, ""),
    ],
)
def test_a_token_is_revoked_by_its_owner_or_an_admin(who: Principal, path: str, status: int, owner: str) -> None:
    index = _Index()
    if status == 200:
        answer = asyncio.run(_routes(index).revoke(_request(who), path))
        name = path.rpartition("/")[2]
        assert json.loads(answer.body) == {"name": name, "owner": owner, "status": "revoked"}
        assert index.recorded == [("token-revoked", "", {"token_name": name, "owner": owner})]
        assert f"{owner}-{name}" not in index.records
    else:
        with pytest.raises(HttpError) as refused:
            asyncio.run(_routes(index).revoke(_request(who), path))
        assert (refused.value.status, len(index.records), index.recorded) == (status, 3, [])
