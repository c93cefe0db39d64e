"""Requirements (PEP 508), parsed within bounds, and the dependencies between the projects of one run."""

from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from publisher.limits import LIMITS
from publisher.project.distributions import Distribution


def find_dependencies(distributions: Iterable[Distribution]) -> dict[NormalizedName, set[NormalizedName]]:
    """Return, for each project, the projects that its files' metadata require in any environment."""
    found: dict[NormalizedName, set[NormalizedName]] = {}
    for each in distributions:
        required = found.setdefault(each.name, set())
        required.update(name for text in each.fields.get("requires_dist", []) if (name := _name(text)))
    return found


def _name(requirement: str) -> NormalizedName | None:
    try:
        return canonicalize_name(parse_requirement(requirement).name)
    except InvalidRequirement:
        return None


def parse_requirement(text: str) -> Requirement:
    """Return a requirement; raise InvalidRequirement also for one that is too long or too deep to be parsed."""
    _bound(text, InvalidRequirement)
    try:
        found = Requirement(text)
    except RecursionError:
        raise InvalidRequirement("its marker is nested too deeply") from None
    _bound_versions(found.specifier, InvalidRequirement)
    return found


def parse_specifiers(text: str, *, prereleases: bool | None = None) -> SpecifierSet:
    """Return specifiers; raise InvalidSpecifier also for more than anybody writes."""
    _bound(text, InvalidSpecifier)
    found = SpecifierSet(text, prereleases=prereleases)
    _bound_versions(found, InvalidSpecifier)
    return found


def _bound(text: str, failure: type[ValueError]) -> None:
    limit = LIMITS.distributions.requirement
    if len(text) > limit:
        raise failure(f"it is longer than {limit} characters")


def _bound_versions(specifiers: SpecifierSet, failure: type[ValueError]) -> None:
    """Refuse numbers of more digits than programs can compare."""
    limit = LIMITS.distributions.version
    if any(len(specifier.version) > limit for specifier in specifiers):
        raise failure(f"a version in it is longer than {limit} characters")
