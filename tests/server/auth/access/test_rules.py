"""The text of an `access.toml`: what it grants to whom, and all that is wrong with it."""

import pytest

from publisher.server.auth.access.rules import (
    ROLES,
    AccessRules,
    InvalidAccessError,
    parse_pattern,
    parse_rights,
    parse_rules,
    role_name,
)
from publisher.server.auth.principal import Grant, Right

R, P, C, M, A = Right.READ, Right.PUBLISH, Right.CREATE, Right.MANAGE, Right.ADMIN


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        ("reader", {R}),
        ("publisher", {R, P}),
        ("maintainer", {R, P, C, M}),
        ("admin", {R, P, C, M, A}),
    ],
)
def test_each_role_is_its_rights(role: str, rights: set[Right]) -> None:
    assert ROLES[role] == rights
    assert parse_rights([role]) == rights
    assert role_name(rights) == role


def test_other_sets_of_rights_have_no_name() -> None:
    for rights in ({P}, {R, M}, {R, P, M}, set[Right](), {A}):
        assert role_name(rights) is None


@pytest.mark.parametrize(
    ("texts", "rights"),
    [
        (["read"], {R}),
        (["read", "manage"], {R, M}),
        (["publisher", "manage"], {R, P, M}),
        (["read", "read"], {R}),
        ([], set()),
    ],
)
def test_rights_of_a_list_add_up(texts: list[object], rights: set[Right]) -> None:
    assert parse_rights(texts) == rights


@pytest.mark.parametrize("text", ["owner", "Reader", "READ", "", 1, True, None, ["read"], {}])
def test_anything_else_is_no_right(text: object) -> None:
    with pytest.raises(ValueError, match="unknown role") as raised:
        parse_rights(["read", text])
    words = "expected reader, publisher, maintainer, admin, or a list of read, publish, create, manage, admin"
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("acme", "acme"),
        ("Acme_Widgets", "acme-widgets"),
        ("acme.*", "acme-*"),
        ("ACME-*", "acme-*"),
        ("*", "*"),
        ("*-tests", "*-tests"),
        ("a", "a"),
        ("a*b", "a*b"),
        ("7zip", "7zip"),
    ],
)
def test_patterns_are_normalized_as_names_are(text: str, pattern: str) -> None:
    assert parse_pattern(text) == pattern


@pytest.mark.parametrize("text", ["", "-", "-acme", "acme-", "ac me", "acme/b", "acmé", "acme?", "[a]", "a\n", "_"])
def test_patterns_that_no_project_can_match_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a project name or pattern such as 'acme-\\*'"):
        parse_pattern(text)


FULL = """\
[users.ada]
"*" = "admin"

[users.bob]
"acme-*" = "publisher"
acme-tools = ["read", "manage"]

[groups.web]
members = ["bob", "eve"]
[groups.web.projects]
"web-*" = "maintainer"

[groups.idle]

[everyone]
"docs" = "reader"

[anonymous]
projects = ["Docs_*", "site"]
"""


def test_an_account_has_its_own_grants_its_groups_and_everyones_in_this_order() -> None:
    rules = parse_rules(FULL)
    everyone = Grant(frozenset({R}), "docs")
    web = Grant(frozenset({R, P, C, M}), "web-*")
    assert rules.grants_of("ada") == (Grant(frozenset(Right), "*"), everyone)
    assert rules.grants_of("bob") == (
        Grant(frozenset({R, P}), "acme-*"),
        Grant(frozenset({R, M}), "acme-tools"),
        web,
        everyone,
    )
    assert rules.grants_of("eve") == (web, everyone)
    assert rules.grants_of("kim") == (everyone,)
    assert rules.anonymous == ("docs-*", "site")


def test_an_empty_file_grants_nothing_and_leaves_anonymous_clients_as_they_are() -> None:
    assert parse_rules("") == AccessRules()
    assert parse_rules("# nothing\n").grants_of("ada") == ()
    assert parse_rules("").anonymous is None
    assert parse_rules("[anonymous]\n").anonymous == ()
    assert parse_rules("[anonymous]\nprojects = []\n").anonymous == ()


@pytest.mark.parametrize("written", ["Jos\u00e9", "Jose\u0301"])
@pytest.mark.parametrize("asked", ["Jos\u00e9", "Jose\u0301"])
def test_a_name_is_the_same_in_both_spellings_of_its_letters(written: str, asked: str) -> None:
    group = f'[groups.g]\nmembers = ["{written}"]\nprojects.x = "reader"\n'
    rules = parse_rules(f'[users."{written}"]\n"*" = "reader"\n{group}')
    assert len(rules.grants_of(asked)) == 2
    assert rules.grants_of("jose") == rules.grants_of("JOS\u00c9") == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1", "line 1: unknown table 'x': expected anonymous, everyone, groups, users"),
        ("[users]\nada = 3", "line 2: 'ada' must be a table"),
        ("users = 3", "line 1: 'users' must be a table"),
        ("[groups]\nweb = []", "line 2: 'web' must be a table"),
        ("[groups.web]\nprojects = []", "line 2: 'projects' must be a table"),
        ("everyone = 'reader'", "line 1: 'everyone' must be a table"),
        ("anonymous = ['docs']", "line 1: 'anonymous' must be a table"),
        ("[groups.web]\nmembers = ['ada', 3]", "line 2: 'members' must be a list of strings"),
        ("[groups.web]\nmember = []", "line 2: unknown key 'member' of a group: expected members, projects"),
        ("[anonymous]\nproject = []", "line 2: unknown key 'project': expected projects"),
        ("[anonymous]\nprojects = 'docs'", "line 2: 'projects' must be a list of strings"),
        ("[anonymous]\nprojects = ['docs',\n'b/c']", "line 3: 'b/c' is not a project name"),
        ("[everyone]\n'a b' = 'reader'", "line 2: 'a b' is not a project name"),
        ("[everyone]\nacme = 'boss'", "line 2: unknown role 'boss'"),
        ("[everyone]\nacme = []", "line 2: an empty list of rights: remove the line instead"),
        ("[users.ada]\nacme = 'admin'", "line 2: the right 'admin' is for the whole index: give it on '*'"),
        ("[users.ada]\nacme = ['read', 'admin']", "line 2: the right 'admin' is for the whole index"),
        ("[groups.web.projects]\nacme = ['owner']", "line 2: unknown role 'owner'"),
        ("[users.'\u00e9']\n[users.'e\u0301']", "two tables, in two spellings of its letters"),
        ("[users.ada]\n\n\nx = ", "line 4: not valid TOML: Invalid value"),
        ("[users.ada]\n'*' = [\n'read',\n", "line 3: not valid TOML"),
        ("[users.ada]\n[users.ada]", "line 2: not valid TOML"),
        ("x = " + "[" * 5000, "not valid TOML: nested too deeply"),
    ],
    ids=lambda value: value[:30],
)
def test_an_error_says_where_and_why(text: str, problem: str) -> None:
    with pytest.raises(InvalidAccessError) as raised:
        parse_rules(text)
    assert problem in str(raised.value)


def test_the_right_of_an_admin_is_for_everything() -> None:
    for text in ("'admin'", "['admin']", "['read', 'admin']"):
        assert parse_rules(f"[users.ada]\n'*' = {text}").grants_of("ada") == (Grant(frozenset(Right), "*"),)
