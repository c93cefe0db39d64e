"""Facts of projects for authorization: known names, public names, and events of commands about public packages."""

import asyncio
import json
from typing import Any, cast

import pytest

from publisher.server.auth.audit.trail import AuditEvent
from publisher.server.auth.principal import Principal, PrincipalKind
from publisher.server.http.messages import HttpError, Request
from publisher.server.routes.public.admin import PUBLIC_CHANGE, PublicAdminRoutes, event_of
from publisher.server.routes.public.project_facts import CatalogFacts, is_known
from publisher.server.upstream.admin import InvalidRequestError
from publisher.server.upstream.admin_requests import UnknownRequestError


class _Catalog:
    """A catalog that learns of publications when it brings in the changes of others."""

    def __init__(
        self, *, recorded: bool, listed: bool, recorded_by_others: bool = False, in_memory: bool = False
    ) -> None:
        self.recorded, self.listed, self.recorded_by_others = recorded, listed, recorded_by_others
        self.in_memory = in_memory
        self.looked = 0

    def project(self, _name: str) -> object | None:
        return object() if self.in_memory else None

    async def was_published(self, _name: str) -> bool:
        return self.recorded

    async def find_before_change(self, _name: str) -> object | None:
        self.looked += 1
        self.recorded = self.recorded or self.recorded_by_others
        return object() if self.listed else None


@pytest.mark.parametrize(
    ("in_memory", "recorded", "listed", "by_others", "known", "looked"),
    [
        (True, False, False, False, True, 0),
        (False, True, False, False, True, 1),
        (False, False, True, False, True, 1),
        (False, False, False, True, True, 1),
        (False, False, False, False, False, 1),
    ],
)
def test_a_name_is_known_that_ever_had_files_here_or_by_another_process(
    *, in_memory: bool, recorded: bool, listed: bool, by_others: bool, known: bool, looked: int
) -> None:
    catalog = _Catalog(in_memory=in_memory, recorded=recorded, listed=listed, recorded_by_others=by_others)
    assert asyncio.run(is_known(cast("Any", catalog), "acme")) is known
    assert catalog.looked == looked


class _Ownership:
    def __init__(self, *, surely: bool, owned: bool) -> None:
        self.surely, self.owned = surely, owned

    def is_surely_public(self, _name: str) -> bool:
        return self.surely

    async def is_owned(self, _name: str) -> bool:
        return self.owned


class _Maintainers:
    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def now(self, project: str) -> frozenset[str]:
        return frozenset({f"now of {project}"})

    async def of(self, project: str) -> frozenset[str]:
        return frozenset({f"of {project}"})

    async def projects_of(self, account: str) -> frozenset[str]:
        return frozenset({f"projects of {account}"})

    def forget(self, project: str) -> None:
        self.forgotten.append(project)


@pytest.mark.parametrize("passes_on", [False, True])
@pytest.mark.parametrize("surely", [False, True])
@pytest.mark.parametrize("owned", [False, True])
def test_a_name_is_public_where_it_is_passed_on_and_not_owned(*, passes_on: bool, surely: bool, owned: bool) -> None:
    ownership = cast("Any", _Ownership(surely=surely, owned=owned))
    facts = CatalogFacts(cast("Any", None), cast("Any", None), ownership, passes_on=passes_on)
    assert facts.surely_public("acme") is (passes_on and surely)
    assert asyncio.run(facts.is_public("acme")) is (passes_on and not owned)


def test_facts_come_from_the_records() -> None:
    maintainers, catalog = _Maintainers(), _Catalog(recorded=False, listed=True)
    facts = CatalogFacts(cast("Any", catalog), cast("Any", maintainers), cast("Any", None), passes_on=True)
    assert facts.maintainers_now("acme") == {"now of acme"}
    assert asyncio.run(facts.maintainers("acme")) == {"of acme"}
    assert asyncio.run(facts.maintained_by("ada")) == {"projects of ada"}
    assert asyncio.run(facts.exists("acme"))
    facts.forget("acme")
    assert maintainers.forgotten == ["acme"]


ADA = Principal("ada", PrincipalKind.ACCOUNT, account="ada")
DONE = {"name": "torch", "version": "1.0", "until": "2026-12-01", "reason": "urgent", "hides": 2, "digests": ["x"]}


@pytest.mark.parametrize("path", ["allow", "disallow", "claim", "remove"])
def test_a_command_that_changes_answers_is_audited(path: str) -> None:
    details = {"version": "1.0", "until": "2026-12-01", "reason": "urgent", "hides": 2}
    event = event_of(path, DONE, ADA, "192.0.2.1")
    assert event == AuditEvent(f"upstream-{path}", ADA, "192.0.2.1", "torch", details)


@pytest.mark.parametrize("path", ["refresh", "lock", "why/torch", "", "Allow"])
def test_another_command_is_not_audited(path: str) -> None:
    assert event_of(path, DONE, ADA) is None


class _Requests:
    """Commands about public packages, each with an end of the test's choice."""

    def __init__(self, end: Any) -> None:
        self.end = end
        self.asked: list[tuple[Any, ...]] = []

    async def show(self, path: str) -> Any:
        return await self.change(path, {}, "")

    async def change(self, path: str, values: Any, who: str) -> Any:
        self.asked.append((path, values, who))
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


class _Audit:
    def __init__(self) -> None:
        self.recorded: list[AuditEvent] = []

    async def record(self, event: AuditEvent) -> None:
        self.recorded.append(event)


def _request(values: dict[str, Any]) -> Request:
    async def receive() -> Any:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "client": ("192.0.2.1", 7)}
    request = Request(scope, receive)
    request.json, request.principal = values, ADA
    return request


def test_a_command_is_run_and_audited_with_its_values_and_results() -> None:
    requests, audit = _Requests({"name": "torch", "hides": 2}), _Audit()
    routes = PublicAdminRoutes(cast("Any", requests), cast("Any", audit))
    answer = asyncio.run(routes.change(_request({"name": "Torch", "reason": "urgent"}), "claim"))
    assert (answer.status, answer.body) == (200, b'{"name": "torch", "hides": 2}')
    assert requests.asked == [("claim", {"name": "Torch", "reason": "urgent"}, "ada")]
    details = {"reason": "urgent", "hides": 2}
    assert audit.recorded == [AuditEvent("upstream-claim", ADA, "192.0.2.1", "torch", details)]
    asyncio.run(routes.change(_request({"name": "torch"}), "refresh"))
    assert len(audit.recorded) == 1


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (InvalidRequestError("Name a project."), 422, "Name a project."),
        (UnknownRequestError(), 404, "Unknown request about public packages."),
    ],
)
def test_a_command_that_is_refused_changes_nothing(error: Exception, status: int, words: str) -> None:
    audit = _Audit()
    routes = PublicAdminRoutes(cast("Any", _Requests(error)), cast("Any", audit))
    for work in (routes.change(_request({"name": "torch"}), "claim"), routes.show(_request({}), "why/torch")):
        with pytest.raises(HttpError) as refused:
            asyncio.run(work)
        assert (refused.value.status, refused.value.message) == (status, words)
    assert audit.recorded == []


def test_without_an_upstream_there_is_nothing_to_administer() -> None:
    routes = PublicAdminRoutes(None, cast("Any", None))
    for work in (routes.change(_request({}), "claim"), routes.show(_request({}), "")):
        with pytest.raises(HttpError, match="--upstream") as refused:
            asyncio.run(work)
        assert refused.value.status == 404


def _read(values: Any) -> Any:
    body = json.dumps(values).encode()

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", b"application/json")]}
    return asyncio.run(PUBLIC_CHANGE.read(Request(scope, receive)))


def test_a_command_has_texts_and_digests() -> None:
    texts = dict.fromkeys(("name", "version", "until", "reason", "set"), "x")
    assert _read({**texts, "digests": ["a", "b"]}) == {**texts, "digests": ["a", "b"]}
    assert _read({}) == {}
    for wrong in ({"other": "x"}, {"digests": "a"}, {"digests": [1]}, *({name: ["x"]} for name in texts)):
        with pytest.raises(HttpError) as refused:
            _read(wrong)
        assert refused.value.status == 422
