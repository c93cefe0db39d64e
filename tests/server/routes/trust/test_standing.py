"""The rights that lists show: those given, within those of the account behind them and with what it maintains."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.oidc.minted_principal import MintedPrincipal, PublisherPart
from publisher.server.auth.oidc.publishers import Publisher
from publisher.server.auth.principal import ADMIN_TOKEN, Grant, Principal, PrincipalKind, Right
from publisher.server.auth.tokens.records import TokenRecord
from publisher.server.routes.trust.standing import Standing, vouched_by
from publisher.server.settings import CLIENT_NAME, ServerSettings
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.catalog import Catalog
from publisher.server.store.maintainers import Maintainers
from tests.helpers.memory_bucket import running

ROLES = '[users.ada]\n"*" = "reader"\n\n[users.eve]\n"acme-*" = "maintainer"\n\n[users.root]\n"*" = "admin"\n'
PUBLISHES = frozenset({Right.READ, Right.PUBLISH})


class World:
    """The accounts, roles and maintainers of one index."""

    def __init__(self, folder: Path, rules: str | None) -> None:
        if rules is not None:
            (folder / "access.toml").write_text(rules)
        storage = FolderStorage(folder)
        self.access = AccessControl(storage, folder / "htpasswd")
        self.maintainers = Maintainers(Catalog(ServerSettings((folder,)), storage), storage)
        self.standing = Standing(self.access, self.maintainers)

    async def token(self, owner: str, *grants: Grant) -> list[dict[str, Any]]:
        return await self.standing.of_token(TokenRecord("1", "ci", owner, "", grants, 0.0, owner))


async def _world(folder: Path, rules: str | None = ROLES) -> World:
    world = World(folder, rules)
    await world.access.bring_up_to_date()
    return world


@running
async def test_an_account_has_its_role_and_the_projects_that_it_maintains(tmp_path: Path) -> None:
    world = await _world(tmp_path)
    for project in ("widgets", "gears"):
        await world.maintainers.add(project, "ada", "root")
    role = {"rights": ["read"], "projects": "*"}
    maintained = [{"rights": ["manage", "publish", "read"], "projects": name} for name in ("gears", "widgets")]
    ada = world.access.principal("ada")
    assert await world.standing.of_principal(ada) == [role, *maintained]
    token = Principal("ada", PrincipalKind.TOKEN, ada.grants, account="ada", within=ada)
    assert await world.standing.of_principal(token) == [role]


@running
async def test_without_roles_an_account_has_the_working_rights_alone(tmp_path: Path) -> None:
    world = await _world(tmp_path, None)
    await world.maintainers.add("widgets", "ada", "root")
    everything = [{"rights": ["create", "manage", "publish", "read"], "projects": "*"}]
    assert await world.standing.of_principal(world.access.principal("ada")) == everything


@running
async def test_a_token_has_what_its_owner_has_too(tmp_path: Path) -> None:
    world = await _world(tmp_path)
    await world.maintainers.add("widgets", "ada", "root")
    for pattern, rights in (
        ("widgets", ["publish", "read"]),
        ("gears", ["read"]),
        ("wid*", ["publish", "read"]),
        ("*", ["publish", "read"]),
        ("gea*", ["read"]),
    ):
        assert await world.token("ada", Grant(PUBLISHES, pattern)) == [{"rights": rights, "projects": pattern}]
    assert await world.token("nobody", Grant(PUBLISHES)) == [{"rights": [], "projects": "*"}]


@running
async def test_without_roles_a_token_has_what_it_was_given(tmp_path: Path) -> None:
    world = await _world(tmp_path, None)
    grants = Grant(PUBLISHES, "widgets"), Grant(frozenset({Right.READ}))
    assert await world.token("ada", *grants) == [
        {"rights": ["publish", "read"], "projects": "widgets"},
        {"rights": ["read"], "projects": "*"},
    ]


@running
async def test_a_job_has_the_rights_of_its_publishers_parts(tmp_path: Path) -> None:
    world = await _world(tmp_path)
    parts = (
        PublisherPart((Grant(PUBLISHES, "acme-widgets"),), world.access.principal("eve")),
        PublisherPart((Grant(PUBLISHES, "gears"),), world.access.principal("eve")),
    )
    job = MintedPrincipal("job", PrincipalKind.MINTED, parts=parts)
    assert await world.standing.of_principal(job) == [
        {"rights": ["publish", "read"], "projects": "acme-widgets"},
        {"rights": [], "projects": "gears"},
    ]


@running
async def test_the_right_by_which_an_account_vouches(tmp_path: Path) -> None:
    world = await _world(tmp_path)
    await world.maintainers.add("gears", "eve", "root")
    accounts = {name: world.access.principal(name) for name in ("eve", "root")}

    async def principal(name: str) -> Principal | None:
        return accounts.get(name)

    publishing: Any = SimpleNamespace(vouchers=SimpleNamespace(principal=principal))
    projects = ("acme-widgets", "gears", "other", CLIENT_NAME)

    async def behind(voucher: str | None) -> list[str]:
        publisher = Publisher("oidc-1", "oidc", "https://ci.example", {}, projects, voucher)
        found = await world.standing.behind(publisher, publishing)
        assert tuple(found) == projects
        return list(found.values())

    assert await behind("eve") == ["role", "maintainer", "", ""]
    assert await behind("root") == ["role", "role", "role", "admin"]
    assert await behind(None) == ["admin"] * 4
    assert await behind("gone") == [""] * 4


def test_the_words_for_a_voucher() -> None:
    publisher = Publisher("oidc-1", "oidc", "https://ci.example", {}, ("acme",), "ada")
    assert vouched_by(publisher) == "ada"
    assert vouched_by(Publisher("oidc-1", "oidc", "https://ci.example", {}, ("acme",), None)) == ADMIN_TOKEN.name
