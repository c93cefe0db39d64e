"""Rights, routes and principals: every cell is decided here, from the route table itself."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from publisher.server.app import create_app
from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.access.rules import parse_rules
from publisher.server.auth.decisions import Decisions, Generation, Recalled
from publisher.server.auth.errors import AuthError, MissingCredentialsError
from publisher.server.auth.principal import (
    ADMIN_TOKEN,
    ANONYMOUS,
    WORKING_RIGHTS,
    Grant,
    Principal,
    PrincipalKind,
    Right,
)
from publisher.server.http.messages import Request
from publisher.server.routes.authorization import READING, Access, Authorization, Need, is_change
from publisher.server.routes.table import Route
from publisher.server.settings import Activity, ServerSettings
from publisher.server.storage.folder import FolderStorage

OWN, OTHER = "acme-widgets", "secret"
RULES = f"""\
[users.reader]
"{OWN}" = "reader"
[users.publisher]
"{OWN}" = "publisher"
[users.maintainer]
"{OWN}" = "maintainer"
[users.admin]
"*" = "admin"
"""


def _account(name: str) -> Principal:
    return Principal(name, PrincipalKind.ACCOUNT, parse_rules(RULES).grants_of(name), account=name)


def _token(right: Right, owner: str = "admin") -> Principal:
    grants = (Grant(frozenset({right}), OWN),)
    return Principal(owner, PrincipalKind.TOKEN, grants, account=owner, token="t", within=_account(owner))


_PUBLISHING = (Grant(frozenset({Right.PUBLISH}), OWN),)
PRINCIPALS = {
    "anonymous": ANONYMOUS,
    "nobody": _account("nobody"),
    "reader": _account("reader"),
    "publisher": _account("publisher"),
    "maintainer": _account("maintainer"),
    "admin": _account("admin"),
    "first publisher": Principal("first", PrincipalKind.ACCOUNT, account="first"),
    "token to read": _token(Right.READ),
    "token to publish": _token(Right.PUBLISH),
    "token to create": _token(Right.CREATE),
    "token to manage": _token(Right.MANAGE),
    "token of a reader": _token(Right.MANAGE, "reader"),
    "minted": Principal("acme/widgets", PrincipalKind.MINTED, _PUBLISHING, account="admin"),
    "AUTH_TOKEN": ADMIN_TOKEN,
}
MAY = {
    "anonymous": set[Right](),
    "nobody": set[Right](),
    "reader": {Right.READ},
    "publisher": {Right.READ, Right.PUBLISH},
    "maintainer": set(WORKING_RIGHTS),
    "first publisher": {Right.READ, Right.PUBLISH, Right.MANAGE},
    "admin": set(Right),
    "token to read": {Right.READ},
    "token to publish": {Right.READ, Right.PUBLISH},
    "token to create": {Right.CREATE},
    "token to manage": {Right.READ, Right.MANAGE},
    "token of a reader": {Right.READ},
    "minted": {Right.READ, Right.PUBLISH},
    "AUTH_TOKEN": {Right.ADMIN},
}
"""The rights of each principal on its own project."""

KINDS: dict[object, set[str]] = {
    Access.OPEN: set(PRINCIPALS),
    Access.ACCOUNT: set(PRINCIPALS) - {"anonymous"},
    Access.PERSON: {"nobody", "reader", "publisher", "maintainer", "admin", "first publisher"},
    Access.LEAVING: {"nobody", "reader", "publisher", "maintainer", "admin", "first publisher"},
    Access.MANAGER: {"nobody", "reader", "publisher", "maintainer", "admin", "first publisher", "AUTH_TOKEN"},
    Access.ADMIN: {"admin", "AUTH_TOKEN"},
}
"""Who may use the routes that concern no project."""


class _Facts:
    """An index with two projects, and nothing passed on from elsewhere."""

    def maintainers_now(self, project: str) -> frozenset[str]:
        return frozenset({"first"}) if project == OWN else frozenset()

    async def maintainers(self, project: str) -> frozenset[str]:
        return self.maintainers_now(project)

    async def maintained_by(self, account: str) -> frozenset[str]:
        return frozenset({OWN}) if account == "first" else frozenset()

    async def exists(self, project: str) -> bool:
        return project in {OWN, OTHER}

    def surely_public(self, name: str) -> bool:  # noqa: ARG002 - the interface's argument
        return False

    async def is_public(self, name: str) -> bool:  # noqa: ARG002 - the interface's argument
        return False

    def forget(self, project: str) -> None:
        """Do nothing."""


class _Identification:
    """Authenticates the user named in the header."""

    def recall(self, header: bytes) -> Recalled | None:
        if header == b"Bearer AUTH_TOKEN":
            return None
        return Recalled(PRINCIPALS[header.partition(b" ")[2].decode()], float("inf"))

    def is_current(self) -> bool:
        return True

    async def authenticate(self, header: bytes, address: str) -> Principal:  # noqa: ARG002 - the interface's argument
        return PRINCIPALS[header.partition(b" ")[2].decode()]

    async def require_admin(self, header: bytes | None, address: str) -> None:  # noqa: ARG002 - as above
        if header != b"Bearer AUTH_TOKEN":
            raise MissingCredentialsError


def _routes() -> list[Route]:
    return list(
        create_app(ServerSettings(roots=(Path("nowhere"),), public_url="https://pypi.acme.example/")).table.routes
    )


ROUTES = _routes()
CELLS = [(route, method, who) for route in ROUTES for method in sorted(route.methods) for who in PRINCIPALS]


def _rest(path: str, project: str) -> str:
    """Return what ``*`` stands for in a request that concerns a project."""
    return f"{project.replace('-', '_')}-1.0-py3-none-any.whl" if path == "packages/*" else f"{project}/1.0"


def _decide(work: Awaitable[Any]) -> str:
    async def run() -> str:
        try:
            await work
        except AuthError as error:
            return type(error).__name__
        return "allowed"

    return asyncio.run(run())


def _ask(route: Route, method: str, who: str, project: str, *, read_only: bool = False) -> str:
    header = b"Bearer AUTH_TOKEN" if who == "AUTH_TOKEN" else b"Basic " + who.encode()
    headers = [] if who == "anonymous" else [(b"authorization", header)]
    request = Request({"type": "http", "method": method, "path": "/", "headers": headers}, _no_body)
    return _decide(_authorization(read_only=read_only).require(request, route.right, _rest(route.path, project)))


def _authorization(*, read_only: bool = False) -> Authorization:
    access: Any = AccessControl(FolderStorage(Path("nowhere")), None)
    access.is_read_only = read_only
    everything: Any = frozenset(Activity)
    identification: Any = _Identification()
    sessions: Any = None
    decisions = Decisions(Generation(), identification)
    return Authorization(everything, identification, access, _Facts(), sessions, decisions=decisions)


async def _no_body() -> Any:
    raise AssertionError


def _expected(route: Route, who: str, project: str) -> bool:
    need = route.right
    if not isinstance(need, Need):
        return who in KINDS[need]
    rights = MAY[who] if project == OWN or who == "admin" else set[Right]()
    if need.project is not None:
        return need.right in rights or (need.or_admin and Right.ADMIN in MAY[who])
    if need.right is Right.READ:  # lists, which show each reader what it may read
        return Right.READ in MAY[who] or PRINCIPALS[who].is_person
    return bool(MAY[who] & {Right.PUBLISH, Right.CREATE, Right.MANAGE})  # and the handler asks for the project


@pytest.mark.parametrize(("route", "method", "who"), CELLS, ids=lambda value: getattr(value, "path", value) or "root")
def test_every_cell_is_decided(route: Route, method: str, who: str) -> None:
    for project in (OWN, OTHER):
        outcome = _ask(route, method, who, project)
        assert (outcome == "allowed") == _expected(route, who, project), (project, outcome)
        if outcome != "allowed":
            assert (outcome == "MissingCredentialsError") == (who == "anonymous"), outcome


OPEN_TO_CHANGES = {"-/account/*", "_/oidc/mint-token", "_/oidc/github/mint-token", "_/oidc/burn-token", "legacy"}
"""Routes without a right of their own: forms use the rights of the API routes that they call, others have tests."""


@pytest.mark.parametrize(("route", "method"), [(route, method) for route in ROUTES for method in sorted(route.methods)])
def test_every_change_waits_while_the_copy_of_the_rules_decides(route: Route, method: str) -> None:
    outcomes = {_ask(route, method, who, OWN, read_only=True) for who in ("admin", "maintainer", "AUTH_TOKEN")}
    reads = method in READING or (isinstance(route.right, Need) and route.right.right is Right.READ)
    assert is_change(method, route.right) != (reads or route.path in OPEN_TO_CHANGES)
    if route.right is Access.LEAVING:
        assert "AccessUnavailableError" not in outcomes
    elif is_change(method, route.right):
        assert "allowed" not in outcomes
        assert "AccessUnavailableError" in outcomes
    else:
        assert "AccessUnavailableError" not in outcomes


def test_every_right_and_access_is_in_the_tables() -> None:
    assert set(KINDS) == set(Access)
    assert set(MAY) == set(PRINCIPALS)
    for route in ROUTES:
        assert isinstance(route.right, Need) or route.right in KINDS, route.path


@pytest.mark.parametrize("who", PRINCIPALS)
@pytest.mark.parametrize(
    ("project", "right"), [(OWN, Right.PUBLISH), (OTHER, Right.PUBLISH), ("acme-new", Right.CREATE)]
)
def test_an_upload_asks_for_the_right_on_its_project(who: str, project: str, right: Right) -> None:
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, _no_body)
    request.principal = PRINCIPALS[who]
    outcome = _decide(_authorization().require_upload(request, project))
    allowed = right in (MAY[who] if project == OWN or who == "admin" else set[Right]())
    assert (outcome == "allowed") == allowed
