"""Ownership of names where there is no index: the reserved patterns alone."""

import asyncio

import pytest

from publisher.server.upstream.ownership import ReservedOnly


@pytest.mark.parametrize(
    ("patterns", "name", "owned"),
    [
        ((), "acme", False),
        (("acme",), "acme", True),
        (("acme",), "acme-tools", False),
        (("acme-*",), "acme-tools", True),
        (("gears", "acme-*"), "acme-tools", True),
        (("acme-*", "gears"), "gears", True),
        (("acme-*", "gears"), "widgets", False),
    ],
)
def test_a_name_is_owned_where_a_pattern_matches(patterns: tuple[str, ...], name: str, *, owned: bool) -> None:
    ownership = ReservedOnly(patterns)
    assert ownership.is_surely_public(name) != owned
    assert asyncio.run(ownership.is_owned(name)) == owned
