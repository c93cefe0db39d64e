"""Rules that still give more than a role that was set: rights add up, so a narrower role alone takes none away."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from publisher.server.auth.access.rules import AccessRules, composed, role_name
from publisher.server.auth.principal import MAINTAINER_RIGHTS, Grant, Right
from publisher.server.names.filenames import is_reserved

EVERYONE = "[everyone]"


class WiderRule(NamedTuple):
    """A rule with rights beyond a role: its place, the rights together, and its projects."""

    place: str
    rights: frozenset[Right]
    pattern: str

    def as_json(self) -> dict[str, object]:
        """Return it for an answer, with the name of the role that has these rights, if any."""
        role = role_name(self.rights)
        return {"rule": self.place, "role": role, "rights": sorted(self.rights), "project": self.pattern}


def wider_rules(
    rules: AccessRules, name: str, pattern: str, rights: frozenset[Right], maintained: Iterable[str] = ()
) -> list[WiderRule]:
    """
    Return the rules that give a user, or a group (``@web``), more than ``rights`` on projects of a pattern.

    ``maintained`` are the projects whose records name the user as maintainer.
    """
    found = [*_granted(rules, name), *(("record", Grant(MAINTAINER_RIGHTS, project)) for project in maintained)]
    return [
        WiderRule(place, grant.rights, grant.pattern)
        for place, grant in found
        if not grant.rights <= rights and (_includes(grant.pattern, pattern) or _includes(pattern, grant.pattern))
    ]


def _granted(rules: AccessRules, name: str) -> Iterator[tuple[str, Grant]]:
    if name.startswith("@"):
        _, grants = rules.groups.get(name[1:], (frozenset(), ()))
        yield from ((f"[groups.{name[1:]}]", grant) for grant in grants)
    else:
        yield from ((f"[users.{name}]", grant) for grant in rules.users.get(composed(name), ()))
        for group, (members, grants) in rules.groups.items():
            if composed(name) in members:
                yield from ((f"[groups.{group}]", grant) for grant in grants)
    yield from ((EVERYONE, grant) for grant in rules.everyone)


def _includes(pattern: str, other: str) -> bool:
    return is_reserved(other, pattern)
