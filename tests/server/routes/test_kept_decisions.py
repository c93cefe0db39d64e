"""Whatever changes a sender's rights ends the decisions that are kept of it, as soon as a new decision would differ."""

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from publisher.secret import Secret
from publisher.server.app import IndexApp, create_app
from publisher.server.auth.fresh_copy import CopyTimes
from publisher.server.auth.oidc import minted_tokens
from publisher.server.auth.oidc.minted_tokens import Share
from publisher.server.auth.principal import ANONYMOUS, Origin, Principal
from publisher.server.auth.revocations import Revocations
from publisher.server.auth.tokens.changes import TokenChanges
from publisher.server.http.messages import Request
from publisher.server.routes.authorization import READING
from publisher.server.routes.table import LIST
from publisher.server.settings import Activity, ServerSettings
from publisher.server.storage.folder import FolderStorage
from tests.helpers.dists import make_wheel
from tests.helpers.index import ADMIN_TOKEN
from tests.server.auth.test_authenticator import KINDS, PASSWORD

ROLES = '[users.bob]\n"*" = "maintainer"\n[users.eve]\n"other" = "reader"\n'
CLOSED = ROLES + '[anonymous]\nprojects = ["docs-*"]\n'
PATH = "acme/"


def basic(user: str, password: str = PASSWORD) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


ADMIN = f"Bearer {ADMIN_TOKEN}".encode()


@dataclass
class World:
    """An index in this process, and the credentials with which its page was just read."""

    app: IndexApp
    folder: Path
    header: bytes | None = None
    token: str = ""

    async def ask(self, method: str, path: str, header: bytes | None, body: Any = None) -> tuple[int, Any]:
        """Send one request, and return status and JSON."""
        headers = [(b"host", b"index"), (b"accept", b"application/json"), (b"content-type", b"application/json")]
        if header is not None:
            headers.append((b"authorization", header))
        received: list[Any] = []
        waiting = [{"type": "http.request", "body": json.dumps(body).encode() if body is not None else b""}]

        async def receive() -> Any:
            return waiting.pop() if waiting else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            received.append(message)

        scope = {"type": "http", "method": method, "path": f"/{path}", "headers": headers, "client": ("::1", 1)}
        await self.app(scope, receive, send)
        text = b"".join(message.get("body", b"") for message in received)
        return received[0]["status"], json.loads(text) if text.startswith(b"{") else None

    async def change(self, method: str, path: str, body: Any = None, header: bytes = ADMIN) -> Any:
        """Make a change, and return its answer."""
        status, answer = await self.ask(method, path, header, body)
        assert status in {200, 201, 202}, answer
        return answer

    def write(self, name: str, text: str) -> None:
        """Replace a file beside the accounts as an editor does."""
        beside = self.folder / "beside"
        beside.write_text(text)
        beside.replace(self.folder / name)

    def others(self) -> FolderStorage:
        """Return the accounts' folder as another process opens it."""
        return FolderStorage(self.folder, mode=0o600)

    def kept(self) -> Principal | None:
        """Return whom a kept decision lets in."""
        authorization = self.app._authorization
        return authorization._decisions.recall(None if LIST in authorization._open else self.header, LIST, PATH)

    def proof(self) -> Callable[[], bool] | None:
        """Return what proves later that the sender may still read the page."""
        return self.app._authorization.proof(self._request(), LIST, PATH)

    def _request(self) -> Request:
        headers = [] if self.header is None else [(b"authorization", self.header)]
        return Request({"type": "http", "method": "GET", "path": "/simple/acme/", "headers": headers}, _nothing)

    def decides_anew(self, monkeypatch: pytest.MonkeyPatch) -> bool:
        """Tell what is decided about the request, from memory, without what is kept."""
        with monkeypatch.context() as patched:
            patched.setattr(self.app._authorization._decisions, "recall", lambda *_: None)
            patched.setattr(self.app._authorization._decisions, "keep", lambda *_: None)
            return self.app._authorization.from_memory(self._request(), LIST, PATH)


async def _nothing() -> Any:
    raise AssertionError


async def by_password(world: World) -> None:
    world.header = basic("bob")


async def by_no_account(world: World) -> None:
    world.header = None


async def by_wrong_password(world: World) -> None:
    world.header = basic("bob", "not the right one")


async def by_account_of_another_project(world: World) -> None:
    world.header = basic("eve")


async def by_token(world: World, **end: float) -> None:
    made = await world.change("POST", "-/tokens", {"name": "ci", "rights": ["read"], **end}, basic("bob"))
    world.header = basic("__token__", made["token"])


async def by_short_token(world: World) -> None:
    await by_token(world, **{"expires-days": 1 / 86400})


async def by_minted_token(world: World, publisher: str = "serial") -> None:
    publishing = world.app._publishing
    assert publishing is not None
    origin = Origin("https://issuer.example", "acme/widgets")
    minted = await publishing.tokens.issue("acme/widgets", origin, [Share(publisher, ("acme",), "bob", creates=False)])
    world.header, world.token = basic("__token__", minted.text), minted.text


async def by_minted_token_of_a_publisher(world: World) -> None:
    values = {"kind": "github", "settings": {"repository": "acme/widgets", "workflow": "publish.yml"}}
    added = await world.change("POST", "-/trust", {**values, "projects": ["acme"]}, basic("bob"))
    assert world.app._publishing is not None
    known = await world.app._publishing.registry.all()
    await by_minted_token(world, known[0].serial)
    world.token = added["publisher"]["name"]


async def account_removed(world: World) -> None:
    await world.change("DELETE", "users/bob")


async def password_changed(world: World) -> None:
    await world.change("POST", "password", {"password": "quite another one"}, basic("bob"))


async def password_set(world: World) -> None:
    await world.change("POST", "register", {"username": "bob", "password": "quite another one"})


async def accounts_rewritten(world: World) -> None:
    world.write("htpasswd", f"ada:{KINDS['bcrypt']}\n")
    await world.ask("GET", "simple/", basic("ada"))  # which is proven, so that they are only read again


async def role_removed(world: World) -> None:
    await world.change("PUT", "-/roles", {"name": "bob", "role": "none"})


async def roles_rewritten(world: World) -> None:
    world.write("access.toml", '[users.bob]\n"other" = "reader"\n')


async def index_closed(world: World) -> None:
    world.write("access.toml", CLOSED)


async def token_revoked(world: World) -> None:
    await world.change("DELETE", "-/tokens/ci", header=basic("bob"))


async def token_revoked_elsewhere(world: World) -> None:
    await TokenChanges(world.others(), lambda: None).revoke("bob", "ci")


async def time_passes(world: World) -> None:
    assert world.header is not None


async def token_burnt(world: World) -> None:
    await world.change("POST", "_/oidc/burn-token", {"token": world.token})


async def token_burnt_elsewhere(world: World) -> None:
    assert world.app._publishing is not None
    claims = await world.app._publishing.tokens._claims(world.token)
    assert claims is not None
    await Revocations(world.others()).revoke(claims["jti"], time.time() + 60)


async def publisher_removed(world: World) -> None:
    await world.change("DELETE", f"-/trust/{world.token}", header=basic("bob"))


Step = Callable[[World], Awaitable[None]]
ROUTES_OF = {
    account_removed: ("DELETE", "users/*"),
    password_changed: ("POST", "password"),
    password_set: ("POST", "register"),
    role_removed: ("PUT", "-/roles"),
    token_revoked: ("DELETE", "-/tokens/*"),
    token_burnt: ("POST", "_/oidc/burn-token"),
    publisher_removed: ("DELETE", "-/trust/*"),
}
"""
Routes that take rights away, each by the function that sends such a request.

The function is in a pair of `WAYS` for each kind of credentials that can lose rights by it.
"""

HARMLESS = {
    *(("POST", path) for path in ("-/tokens", "-/trust", "_/oidc/mint-token", "_/oidc/github/mint-token")),
    *(("POST", path) for path in ("-/upstream/*", "-/storage/confirm-loss")),
    *(("POST", path) for path in ("", "legacy", "legacy/", "*", "RPC2")),
    *((method, "projects/*") for method in ("PUT", "DELETE")),
    ("POST", "-/account/*"),  # its forms call the other routes
    ("PUT", "-/owners/*"),  # what rests on maintainers is not kept
    ("DELETE", "-/sessions"),  # nor is what rests on sessions
}
"""
Routes that take no rights away, or only rights of maintainers or sessions.

The index keeps no decision that depends on who maintains a project, or on a session.
"""

WAYS: list[tuple[Step, Step]] = [
    *((by_password, each) for each in (account_removed, password_changed, password_set, accounts_rewritten)),
    *((by_password, each) for each in (role_removed, roles_rewritten)),
    *((each, index_closed) for each in (by_no_account, by_wrong_password, by_account_of_another_project)),
    *((by_token, each) for each in (token_revoked, token_revoked_elsewhere, account_removed, accounts_rewritten)),
    *((by_token, each) for each in (role_removed, roles_rewritten)),
    (by_short_token, time_passes),
    *((by_minted_token, each) for each in (token_burnt, token_burnt_elsewhere, account_removed, accounts_rewritten)),
    *((by_minted_token, each) for each in (role_removed, roles_rewritten, time_passes)),
    (by_minted_token_of_a_publisher, publisher_removed),
]
"""Kinds of credentials, and steps that take rights away from those who send them."""


def open_index(folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_open: bool) -> IndexApp:
    monkeypatch.setattr(CopyTimes.__new__, "__defaults__", (0.3, 60.0, 10.0))
    root = folder / "packages"
    root.mkdir()
    make_wheel(root, "acme")
    (folder / "htpasswd").write_text("".join(f"{name}:{KINDS['bcrypt']}\n" for name in ("ada", "bob", "eve")))
    (folder / "access.toml").write_text(ROLES)
    return create_app(
        ServerSettings(
            roots=(root,),
            htpasswd=folder / "htpasswd",
            admin_token=Secret(ADMIN_TOKEN),
            public_url="https://pypi.acme.example/",
            authenticate=frozenset({Activity.UPDATE}) if is_open else frozenset(Activity),
        ),
        "none",
    )


@pytest.mark.parametrize(("prove", "change"), WAYS, ids=lambda step: step.__name__)
def test_a_kept_decision_ends_when_a_new_one_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prove: Step, change: Step
) -> None:
    if prove is by_minted_token and change is time_passes:
        monkeypatch.setattr(minted_tokens, "LIFETIME", 1)
    world = World(open_index(tmp_path, monkeypatch, is_open=change is index_closed), tmp_path)

    async def run() -> None:
        await world.app.start()
        await world.ask("GET", "simple/", basic("ada"))
        await prove(world)
        for _ in range(2):  # the first one may have to be proven
            assert (await world.ask("GET", "simple/acme/", world.header))[0] == 200
        assert world.kept() is not None
        proof = world.proof()
        assert proof is not None
        assert proof()
        await change(world)
        deadline = time.monotonic() + 20
        while (await world.ask("GET", "simple/acme/", world.header))[0] == 200:
            if not world.decides_anew(monkeypatch):
                assert not proof()
                assert world.kept() is None
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert not proof()
        assert world.kept() is None
        await world.app.stop()

    asyncio.run(run())


def test_every_route_that_takes_rights_away_is_among_the_ways() -> None:
    table = create_app(ServerSettings((Path("nowhere"),), public_url="https://pypi.acme.example/")).table
    changing = {(method, route.path) for route in table.routes for method in route.methods - READING}
    covered = {ROUTES_OF[change] for _, change in WAYS if change in ROUTES_OF}
    assert covered.isdisjoint(HARMLESS)
    assert changing == covered | HARMLESS


def test_what_a_maintainer_may_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(open_index(tmp_path, monkeypatch, is_open=False), tmp_path, basic("eve"))

    async def run() -> None:
        await world.app.start()
        assert (await world.ask("GET", "simple/acme/", world.header))[0] == 403
        await world.change("PUT", "-/owners/acme", {"add": "eve"})
        assert (await world.ask("GET", "simple/acme/", world.header))[0] == 200
        assert world.decides_anew(monkeypatch)
        assert world.kept() is None
        assert world.proof() is None
        await world.change("PUT", "-/owners/acme", {"remove": "eve"})
        assert (await world.ask("GET", "simple/acme/", world.header))[0] == 403
        await world.app.stop()

    asyncio.run(run())


def test_a_session_is_decided_about_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(open_index(tmp_path, monkeypatch, is_open=True), tmp_path)

    async def run() -> None:
        await world.app.start()
        assert (await world.ask("GET", "simple/acme/", None))[0] == 200
        assert world.kept() is not None
        bob = world.app._access.principal("bob")
        scope = {"type": "http", "method": "GET", "path": "/simple/acme/", "headers": []}
        request = Request({**scope, "publisher.session.principal": bob}, _nothing)
        assert world.app._authorization.from_memory(request, LIST, PATH)
        assert request.username == "bob"
        assert world.kept() is not bob
        await world.app.stop()

    asyncio.run(run())


def test_on_an_open_index_senders_are_named_while_they_are_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(open_index(tmp_path, monkeypatch, is_open=True), tmp_path)

    async def name(header: bytes) -> str | None:
        scope = {"type": "http", "method": "GET", "path": "/simple/acme/", "headers": [(b"authorization", header)]}
        request = Request(scope, _nothing)
        await world.app._authorization.require(request, LIST, PATH)
        return request.username

    async def run() -> None:
        await world.app.start()
        await world.ask("GET", "simple/acme/", None)
        assert await name(basic("bob")) is None
        assert (await world.ask("GET", "whoami", basic("bob")))[0] == 200
        assert await name(basic("bob")) == "bob"
        assert world.kept() is ANONYMOUS
        assert await name(basic("bob", "another")) is None
        await world.change("POST", "register", {"username": "bob", "password": "quite another one"})
        assert await name(basic("bob")) is None
        await world.app.stop()

    asyncio.run(run())
