"""Only requirements that no project has are invalid."""

import pytest
from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier

from publisher.project.dependencies import parse_requirement, parse_specifiers


@pytest.mark.parametrize(
    "text",
    ["", "a" * 20_000, "a; " + "(" * 2000 + "os_name == 'nt'" + ")" * 2000, "a>=" + "9" * 6000, "a ~~ b"],
    ids=["empty", "long", "deep", "digits", "garbage"],
)
def test_a_requirement_that_is_none(text: str) -> None:
    with pytest.raises(InvalidRequirement):
        parse_requirement(text)


@pytest.mark.parametrize("text", [",".join([">=1"] * 10_000), ">=" + "9" * 6000, ">>1"], ids=["long", "digits", "none"])
def test_specifiers_that_are_none(text: str) -> None:
    with pytest.raises(InvalidSpecifier):
        parse_specifiers(text)


def test_those_that_people_write() -> None:
    assert parse_requirement("Acme[x] >=1; python_version > '3'").name == "Acme"
    assert "1.0" in parse_specifiers(">=1,<2")
