"""Rules that still give more than a role that was set."""

import pytest

from publisher.server.auth.access.rules import parse_rights, parse_rules
from publisher.server.auth.access.wider import WiderRule, wider_rules
from publisher.server.auth.principal import Right

RULES = parse_rules("""\
[users.ada]
"acme-*" = "maintainer"
web = "reader"
[users."Jos\u00e9"]
"*" = "publisher"
[groups.web]
members = ["ada", "Jose\u0301"]
[groups.web.projects]
"web-*" = "publisher"
[groups.idle]
members = ["kim"]
[everyone]
docs = "reader"
""")


def _places(name: str, role: str, pattern: str, *maintained: str) -> list[tuple[str, str]]:
    found = wider_rules(RULES, name, pattern, parse_rights([role] if role else []), maintained)
    return [(rule.place, rule.pattern) for rule in found]


@pytest.mark.parametrize(
    ("name", "role", "pattern", "places"),
    [
        ("ada", "reader", "*", [("[users.ada]", "acme-*"), ("[groups.web]", "web-*")]),
        ("ada", "publisher", "*", [("[users.ada]", "acme-*")]),
        ("ada", "maintainer", "*", []),
        (
            "ada",
            "",
            "*",
            [("[users.ada]", "acme-*"), ("[users.ada]", "web"), ("[groups.web]", "web-*"), ("[everyone]", "docs")],
        ),
        ("ada", "reader", "acme-widgets", [("[users.ada]", "acme-*")]),
        ("ada", "reader", "acme", [("[users.ada]", "acme-*")]),
        ("ada", "reader", "acmes", []),
        ("ada", "reader", "web-shop", [("[groups.web]", "web-*")]),
        ("ada", "", "docs", [("[everyone]", "docs")]),
        ("ada", "reader", "docs", []),
        ("Jos\u00e9", "reader", "web-shop", [("[users.Jos\u00e9]", "*"), ("[groups.web]", "web-*")]),
        ("Jose\u0301", "reader", "other", [("[users.Jose\u0301]", "*")]),
        ("kim", "", "docs", [("[everyone]", "docs")]),
        ("kim", "", "other", []),
        ("@web", "reader", "*", [("[groups.web]", "web-*")]),
        ("@web", "publisher", "*", []),
        ("@web", "", "docs", [("[everyone]", "docs")]),
        ("@idle", "", "web-shop", []),
        ("@nothing", "", "docs", [("[everyone]", "docs")]),
    ],
)
def test_wider_rules_are_those_with_more_rights_on_common_projects(
    name: str, role: str, pattern: str, places: list[tuple[str, str]]
) -> None:
    assert _places(name, role, pattern) == places


def test_a_record_that_names_an_account_counts_too_and_gives_no_right_to_create() -> None:
    assert _places("kim", "publisher", "*", "acme", "other") == [("record", "acme"), ("record", "other")]
    assert _places("kim", "maintainer", "*", "acme") == []
    assert _places("kim", "reader", "acme-*", "acme", "other") == [("record", "acme")]
    (rule,) = wider_rules(RULES, "kim", "*", parse_rights(["reader"]), ["acme"])
    assert rule.as_json() == {
        "rule": "record",
        "role": None,
        "rights": ["manage", "publish", "read"],
        "project": "acme",
    }


def test_a_rule_has_the_name_of_its_role_where_there_is_one() -> None:
    rule = WiderRule("[everyone]", frozenset({Right.READ, Right.PUBLISH}), "*")
    assert rule.as_json() == {"rule": "[everyone]", "role": "publisher", "rights": ["publish", "read"], "project": "*"}
