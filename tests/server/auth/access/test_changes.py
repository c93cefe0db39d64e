"""Edits of `access.toml`: what they write, and everything that they leave as it is."""

import asyncio
from pathlib import Path

import pytest

from publisher.server.auth.access.changes import NEW_FILE, InvalidRoleError, RoleChanges
from publisher.server.auth.access.control import AccessControl
from publisher.server.auth.access.rules import parse_rules
from publisher.server.auth.principal import Right
from publisher.server.storage.folder import FolderStorage


class Roles:
    """The roles of one folder, as a process changes them."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "access.toml"
        storage = FolderStorage(folder)
        self.access = AccessControl(storage, folder / "htpasswd")
        self._changes = RoleChanges(storage, self.access)

    def write(self, text: str) -> None:
        self.file.write_text(text, "utf-8")
        self.access.forget()
        asyncio.run(self.access.bring_up_to_date())

    def set(self, name: str, role: str, project: str = "*", maintained: tuple[str, ...] = ()) -> list[str]:
        return [rule.place for rule in asyncio.run(self._changes.set_role(name, role, project, maintained))]

    def remove(self, username: str) -> list[str]:
        return list(asyncio.run(self._changes.remove_account(username)))

    def enabled(self) -> bool:
        return self.access.has_roles

    @property
    def text(self) -> str:
        return self.file.read_text("utf-8")


@pytest.fixture
def roles(tmp_path: Path) -> Roles:
    found = Roles(tmp_path)
    asyncio.run(found.access.bring_up_to_date())
    return found


def test_the_first_role_begins_a_file_that_leaves_everybody_as_before(roles: Roles) -> None:
    assert not roles.enabled()
    assert roles.set("grace", "admin") == []
    assert roles.text.startswith(NEW_FILE)
    assert roles.enabled()
    assert roles.access.principal("grace").may(Right.ADMIN)
    assert roles.access.principal("ada").may(Right.CREATE, "new")
    assert not roles.access.principal("ada").may(Right.ADMIN)


def test_a_role_is_in_force_at_once_and_replaces_that_on_the_same_pattern(roles: Roles) -> None:
    roles.write('# ours\n[users.bob]\n"acme-*" = "reader"  # the widgets\nother = "reader"\n')
    roles.set("bob", "publisher", "Acme_*")
    assert roles.access.principal("bob").may(Right.PUBLISH, "acme-tools")
    assert roles.text == '# ours\n[users.bob]\n"acme-*" = "publisher"  # the widgets\nother = "reader"\n'


@pytest.mark.parametrize("pattern", ["acme-*", "Acme_*", "acme.*"])
def test_none_takes_the_role_on_that_pattern_however_it_is_spelled(roles: Roles, pattern: str) -> None:
    roles.write('[users.bob]\n"Acme_*" = "publisher"\nother = "reader"\n')
    roles.set("bob", "none", pattern)
    assert roles.text == '[users.bob]\nother = "reader"\n'
    roles.set("bob", "none", "nothing")
    roles.set("kim", "none", "acme-*")
    assert roles.text == '[users.bob]\nother = "reader"\n'


def test_none_without_a_file_makes_none(roles: Roles) -> None:
    assert roles.set("bob", "none") == []
    assert not roles.file.exists()


def test_groups_have_their_own_tables(roles: Roles) -> None:
    roles.write('[groups.web]\nmembers = ["eve"]\n')
    roles.set("@web", "maintainer", "web-*")
    assert roles.access.principal("eve").may(Right.MANAGE, "web-shop")
    assert parse_rules(roles.text).users == {}
    roles.set("@web", "none", "web-*")
    assert not roles.access.principal("eve").may(Right.READ, "web-shop")
    assert roles.access.has_roles


@pytest.mark.parametrize(
    ("name", "role", "project", "says"),
    [
        ("bob", "boss", "*", "unknown role 'boss'"),
        ("bob", "reader", "a b", "'a b' is not a project name"),
        ("bob", "none", "a b", "'a b' is not a project name"),
        ("bob", "admin", "acme", "the right 'admin' is for the whole index"),
    ],
)
def test_a_role_that_would_not_be_valid_changes_nothing(
    roles: Roles, name: str, role: str, project: str, says: str
) -> None:
    before = '[users.ada]\n"*" = "admin"\n'
    roles.write(before)
    with pytest.raises(InvalidRoleError, match=says):
        roles.set(name, role, project)
    assert roles.text == before


def test_a_file_that_is_not_valid_is_not_edited(roles: Roles) -> None:
    roles.write('[users.ada]\n"*" = "admin"\n')
    roles.file.write_text('[users.ada]\n"*" = "boss"\n')
    problem = r"access\.toml, line 2: unknown role 'boss'"
    with pytest.raises(InvalidRoleError, match=problem):
        roles.set("bob", "reader")
    with pytest.raises(InvalidRoleError, match=problem):
        roles.remove("ada")
    assert "bob" not in roles.text


def test_a_byte_order_mark_is_no_part_of_the_file(roles: Roles) -> None:
    roles.write('\ufeff[users.ada]\n"*" = "admin"\n')
    roles.set("bob", "reader")
    assert roles.access.principal("bob").may(Right.READ)
    assert roles.access.principal("ada").may(Right.ADMIN)


def test_an_account_is_removed_from_users_and_groups_in_every_spelling(roles: Roles) -> None:
    roles.write(
        '# kept\n[users.bob]\nacme = "reader"\n[users."Jose\u0301"]\n"*" = "admin"\nweb = ["read"]\n'
        '[groups.web]\nmembers = ["bob", "Jos\u00e9"]\n[groups.db]\nmembers = ["bob"]\n'
    )
    assert roles.remove("Jos\u00e9") == ["admin on *", "['read'] on web", "member of web"]
    rules = parse_rules(roles.text)
    assert set(rules.users) == {"bob"}
    assert {name: set(members) for name, (members, _) in rules.groups.items()} == {"web": {"bob"}, "db": {"bob"}}
    assert roles.text.startswith("# kept\n")
    assert not roles.access.principal("Jos\u00e9").may(Right.READ)
    before = roles.text
    assert roles.remove("Jos\u00e9") == []
    assert roles.text == before


def test_an_index_without_roles_has_none_to_remove(roles: Roles) -> None:
    assert roles.remove("ada") == []
    assert not roles.file.exists()


def test_wider_rules_are_named_with_the_change(roles: Roles) -> None:
    assert roles.set("bob", "reader", "acme") == ["[everyone]"]
    assert roles.set("bob", "none", "acme") == ["[everyone]"]
    assert roles.set("bob", "maintainer", "acme", ("acme",)) == []
    assert roles.set("bob", "reader", "acme", ("acme", "other")) == ["[everyone]", "record"]
