"""The consequences of each rule: what fails a check, what ends a publication, and what is only said."""

from publisher.checks.rules import RULES
from publisher.checks.violations import Enforcement, Severity

WARNINGS = (
    "PP107 PP108 PP114 PP120 PP202 PP203 PP208 PP302 PP303 PP306 PP311 PP312 PP313 PP405 PP509 PP604 PP704 PP706 "
    "PP707 PP710 PP712 PP714 PP715 PP718"
)
NOTES = "PP104 PP304 PP308 PP406 PP407 PP501 PP605 PP711 PP716"
WARNED_OF = "PP116 PP117 PP314 PP404 PP508 PP702 PP713 PP716 PP717"
LEFT_TO_CHECK = "PP102 PP206 PP207 PP602 PP705 PP708 PP709 PP719"
"""Errors that a publication does not end with: what only a better project needs."""


def test_every_rule_is_an_error_but_those_that_a_project_may_live_with() -> None:
    found = {code: rule.severity for code, rule in RULES.items() if rule.severity is not Severity.ERROR}
    expected = {**dict.fromkeys(WARNINGS.split(), Severity.WARNING), **dict.fromkeys(NOTES.split(), Severity.NOTE)}
    assert found == expected


def test_a_publication_ends_with_an_error_unless_an_index_would_take_the_files() -> None:
    warned = {code for code, rule in RULES.items() if rule.enforcement is Enforcement.WARNING}
    assert warned == {*WARNED_OF.split()}
    ended = {code for code, rule in RULES.items() if rule.enforcement is Enforcement.ERROR}
    errors = {code for code, rule in RULES.items() if rule.severity is Severity.ERROR}
    assert errors - ended - warned == {*LEFT_TO_CHECK.split()}
    assert ended <= errors


def test_rules_are_in_the_order_of_their_codes() -> None:
    assert list(RULES) == sorted(RULES)
