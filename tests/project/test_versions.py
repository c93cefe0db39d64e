"""Versions are compared by what they mean."""

import pytest

from publisher.project.versions import parse_version, same_version


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("1.0", "1", True), ("1.0rc1", "1.0.RC.1", True), ("1", "2", False), ("x", "x", True), ("x", "1", False)],
)
def test_same_version(one: str, other: str, same: bool) -> None:  # noqa: FBT001 - a test's parameter
    assert same_version(one, other) is same


def test_what_is_no_version() -> None:
    assert parse_version("x") is None
    assert parse_version(None) is None
