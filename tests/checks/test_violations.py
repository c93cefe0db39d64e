"""Rules and their violations: consequences, order, and the forms for people and programs."""

from pathlib import Path

import pytest

from publisher.checks.rules import GROUPS, RULES, explain
from publisher.checks.violations import Enforcement, Rule, Severity, Violation, in_order

RULE = Rule("PP999", Severity.WARNING, "Title", "Why.", "Remedy.")


@pytest.mark.parametrize(
    ("severity", "publish", "expected"),
    [
        (Severity.ERROR, None, Enforcement.ERROR),
        (Severity.WARNING, None, Enforcement.OFF),
        (Severity.NOTE, None, Enforcement.OFF),
        (Severity.ERROR, Enforcement.WARNING, Enforcement.WARNING),
        (Severity.ERROR, Enforcement.OFF, Enforcement.OFF),
        (Severity.NOTE, Enforcement.WARNING, Enforcement.WARNING),
    ],
)
def test_errors_stop_a_publication_unless_the_rule_says_otherwise(
    severity: Severity, publish: Enforcement | None, expected: Enforcement
) -> None:
    assert Rule("PP999", severity, "", "", "", publish=publish).enforcement is expected


def test_a_violation_as_text_and_for_programs() -> None:
    found = Violation(RULE, Path("a/pyproject.toml"), "It\x1b[31m is\nred", 7)
    assert found.place == "a/pyproject.toml:7"
    assert str(found) == r"a/pyproject.toml:7: PP999 It\x1b[31m is\nred"
    assert found.as_json() == {
        "code": "PP999",
        "severity": "warning",
        "path": "a/pyproject.toml",
        "line": 7,
        "message": "It\x1b[31m is\nred",
        "remedy": "Remedy.",
        "fixable": False,
    }
    assert Violation(RULE, Path("a.whl"), "It is").place == "a.whl"
    assert str(Violation(RULE, Path("a.whl"), "It is")) == "a.whl: PP999 It is"


def test_order_is_by_file_line_and_code_and_each_is_there_once() -> None:
    other = Rule("PP001", Severity.NOTE, "", "", "")
    expected = [
        Violation(RULE, Path("a"), "x"),
        Violation(other, Path("a"), "x", 1),
        Violation(RULE, Path("a"), "x", 1),
        Violation(RULE, Path("a"), "x", 9),
        Violation(RULE, Path("a"), "x", 10),
        Violation(RULE, Path("b"), "x", 1),
    ]
    assert in_order([*reversed(expected), expected[0]]) == expected


def test_every_rule_belongs_to_a_group_and_has_a_text() -> None:
    assert all(code == rule.code and code[:3] in GROUPS for code, rule in RULES.items())
    assert list(GROUPS) == [f"PP{number}" for number in range(1, 8)]
    assert all(rule.title and rule.why and rule.remedy for rule in RULES.values())
    section = explain(RULES["PP102"])
    assert section.startswith(f"**{RULES['PP102'].title}** (`check`: error, `publish` and `upload`: off). ")
    assert section.endswith(f"\n\n{RULES['PP102'].remedy}\n")


def test_rules_that_are_fixed_say_so() -> None:
    fixable = {code for code, rule in RULES.items() if rule.fixable}
    assert fixable == {"PP104", "PP107", "PP302", "PP303", "PP304", "PP306", "PP308"}
    assert {code for code, rule in RULES.items() if "--fix" in rule.remedy} == fixable
