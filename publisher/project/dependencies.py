"""Dependencies between the projects of one run."""

from collections.abc import Iterable

from packaging.requirements import InvalidRequirement
from packaging.utils import NormalizedName, canonicalize_name

from publisher.project.distributions import Distribution
from publisher.project.requirements import parse_requirement


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
