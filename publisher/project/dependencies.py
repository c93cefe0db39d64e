"""Which of several projects depend on each other."""

from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from publisher.project.distributions import Distribution


def dependencies(distributions: Iterable[Distribution]) -> dict[NormalizedName, set[NormalizedName]]:
    """Return, for each project, the projects that the metadata of its files require, whatever the environment."""
    found: dict[NormalizedName, set[NormalizedName]] = {}
    for each in distributions:
        needed = found.setdefault(each.name, set())
        needed.update(name for text in each.fields.get("requires_dist", []) if (name := _name(text)))
    return found


def _name(requirement: str) -> NormalizedName | None:
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return None
