"""Versions are compared by what they mean."""

import pytest
from packaging.version import Version

from publisher.limits import LIMITS
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


@pytest.mark.parametrize("one", ["1.0", Version("1.0")])
@pytest.mark.parametrize("other", ["1", Version("1")])
def test_versions_and_texts_are_compared_with_each_other(one: str | Version, other: str | Version) -> None:
    assert same_version(one, other)
    assert not same_version(one, "1.1")
    assert not same_version("1.1", other)


def test_a_text_that_is_no_version_is_only_equal_to_itself() -> None:
    assert not same_version("x", Version("1"))
    assert not same_version(Version("1"), "x")
    assert not same_version("x", "X")


def test_the_longest_version_is_read_and_a_longer_one_is_none() -> None:
    limit = LIMITS.distributions.version
    assert parse_version("1" * limit) == Version("1" * limit)
    assert parse_version("1" * (limit + 1)) is None


@pytest.mark.parametrize("value", [1, 1.0, b"1", ["1"], Version("1"), ""])
def test_only_a_text_says_a_version(value: object) -> None:
    assert parse_version(value) is None
