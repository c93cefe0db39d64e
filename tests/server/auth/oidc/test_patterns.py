"""Patterns of claims match as wildcards do, in time that grows with their length and not with its power."""

import time
from fnmatch import fnmatchcase
from itertools import product

import pytest

from publisher.server.auth.oidc.kinds.patterns import LONGEST, matches
from tests.helpers.speed import is_within

TEXTS = ["".join(letters) for length in range(5) for letters in product("ab", repeat=length)]


@pytest.mark.parametrize("pattern", ["", "a", "*", "**", "a*", "*a", "a*a", "a*b*a", "*a*", "*ab*", "ab*ba", "a**b"])
def test_a_star_is_any_text(pattern: str) -> None:
    for text in TEXTS:
        assert matches(pattern, text) == fnmatchcase(text, pattern), text


def test_nothing_else_is_special() -> None:
    assert matches("refs/tags/v[1].?", "refs/tags/v[1].?")
    assert not matches("refs/tags/v[1].?", "refs/tags/v1.0")
    assert matches("a*b", "a\nb")


def test_many_stars_cost_no_more_than_few() -> None:
    began = time.process_time()
    assert not matches("*a" * (LONGEST // 2 - 1) + "*b", "a" * 10_000)
    assert is_within(time.process_time() - began, 1)


def test_no_part_of_a_text_is_used_twice() -> None:
    assert matches("*ab*ab*", "xababx")
    assert not matches("*ab*ab*", "xabx")
    assert not matches("*abc*bc*", "abc")
