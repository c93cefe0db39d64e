"""Only requirements that no project has are invalid."""

from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier

from publisher.limits import LIMITS
from publisher.project.dependencies import find_dependencies, parse_requirement, parse_specifiers
from publisher.project.distributions import Distribution, read_distribution
from tests.helpers.dists import make_sdist, make_wheel, metadata


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


LIMIT = LIMITS.distributions


def test_the_longest_texts_are_read_and_longer_ones_are_not() -> None:
    requirement = f"a ; python_version > '3{' ' * 10_000}"[: LIMIT.requirement - 1] + "'"
    assert len(requirement) == LIMIT.requirement
    assert parse_requirement(requirement).name == "a"
    with pytest.raises(InvalidRequirement, match=f"longer than {LIMIT.requirement} characters"):
        parse_requirement(requirement + " ")
    specifiers = ",".join([">=1"] * 3000)[: LIMIT.requirement - 1] + " "
    assert len(specifiers) == LIMIT.requirement
    with pytest.raises(InvalidSpecifier, match=f"longer than {LIMIT.requirement} characters"):
        parse_specifiers(specifiers + " ")


def test_the_longest_version_in_a_text_is_read_and_a_longer_one_is_not() -> None:
    longest = "1" * LIMIT.version
    assert str(parse_requirement(f"a>={longest}").specifier) == f">={longest}"
    assert str(parse_specifiers(f">={longest}")) == f">={longest}"
    with pytest.raises(InvalidRequirement, match=f"a version in it is longer than {LIMIT.version}"):
        parse_requirement(f"a>=1,<={longest}1")
    with pytest.raises(InvalidSpecifier, match=f"a version in it is longer than {LIMIT.version}"):
        parse_specifiers(f">=1,<={longest}1")


def test_a_marker_that_is_too_deep_is_called_that() -> None:
    with pytest.raises(InvalidRequirement, match="nested too deeply"):
        parse_requirement("a; " + "(" * 2000 + "os_name == 'nt'" + ")" * 2000)


@pytest.mark.parametrize("prereleases", [False, True])
def test_prereleases_count_where_that_is_said(*, prereleases: bool) -> None:
    assert ("2.0rc1" in parse_specifiers(">=1", prereleases=prereleases)) is prereleases


def _wheel(folder: Path, name: str, *requires: str) -> Distribution:
    lines = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    return read_distribution(make_wheel(folder, name, metadata_bytes=metadata(name, "1.0", lines)))


def test_the_requirements_of_all_files_of_a_project_are_its_dependencies(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path, "acme_widgets", "Six>=1", "rich; extra == 'tty'", "== nonsense", "zope.interface")
    sdist = read_distribution(
        make_sdist(tmp_path, metadata_bytes=metadata("acme_widgets", "1.0", "Requires-Dist: attrs\n"))
    )
    plain = _wheel(tmp_path, "plain")
    assert find_dependencies([wheel, sdist, plain]) == {
        "acme-widgets": {"six", "rich", "zope-interface", "attrs"},
        "plain": set(),
    }
    assert find_dependencies([]) == {}
