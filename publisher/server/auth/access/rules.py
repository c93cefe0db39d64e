"""The rules in the text of an `access.toml`: roles of users and groups on project patterns, and all that is wrong."""

import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from publisher.project.toml_positions import Lines, Place
from publisher.server.auth.principal import EVERYTHING, MAINTAINER_RIGHTS, WORKING_RIGHTS, Grant, Right
from publisher.server.names.filenames import normalize

ROLES: Mapping[str, frozenset[Right]] = {
    "reader": frozenset({Right.READ}),
    "publisher": frozenset({Right.READ, Right.PUBLISH}),
    "maintainer": MAINTAINER_RIGHTS | {Right.CREATE},
    "admin": WORKING_RIGHTS | {Right.ADMIN},
}
"""The rights of each role."""

_PATTERN = re.compile(r"[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?")
_TABLES = {"users", "groups", "everyone", "anonymous"}


def role_name(rights: Collection[Right]) -> str | None:
    """Return the name of the role that has exactly these rights, None without one."""
    return next((name for name, known in ROLES.items() if known == set(rights)), None)


class InvalidAccessError(ValueError):
    """The text of an `access.toml` is not valid; it says where and why."""

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)


@dataclass(frozen=True)
class AccessRules:
    """Rights of accounts and groups; ``anonymous`` are the patterns that limit anonymous clients, if any."""

    users: Mapping[str, tuple[Grant, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[frozenset[str], tuple[Grant, ...]]] = field(default_factory=dict)
    everyone: tuple[Grant, ...] = ()
    anonymous: tuple[str, ...] | None = None

    def grants_of(self, username: str) -> tuple[Grant, ...]:
        """Return the grants of an account: its own, its groups', everyone's."""
        name = composed(username)
        grouped = [grant for members, grants in self.groups.values() if name in members for grant in grants]
        return (*self.users.get(name, ()), *grouped, *self.everyone)


def composed(username: str) -> str:
    """Return a user name in Unicode's composed form (NFC), for comparison."""
    return unicodedata.normalize("NFC", username)


def parse_rules(text: str) -> AccessRules:
    """Return the rules in a text; raise InvalidAccessError for the first thing that is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        problem = re.sub(r" \(at .*", "", str(error))
        line = int(found[1]) if found else len(text.splitlines())  # at the end of the document
        raise InvalidAccessError(f"not valid TOML: {problem}", line) from error
    except RecursionError as error:
        raise InvalidAccessError("not valid TOML: nested too deeply", None) from error
    return _Reader(document, Lines(text)).rules()


def parse_pattern(text: str) -> str:
    """Return a project pattern with its name normalized; raise ValueError for one that no project can match."""
    pattern = normalize(text)
    if not _PATTERN.fullmatch(pattern):
        raise ValueError(f"{text!r} is not a project name or pattern such as 'acme-*'")
    return pattern


def parse_rights(texts: Sequence[object]) -> frozenset[Right]:
    """Return the rights that names of roles and rights stand for together; raise ValueError for an unknown one."""
    rights: set[Right] = set()
    for text in texts:
        if isinstance(text, str) and text in ROLES:
            rights |= ROLES[text]
        elif isinstance(text, str) and text in set(Right):
            rights.add(Right(text))
        else:
            raise ValueError(f"unknown role {text!r}: expected {', '.join(ROLES)}, or a list of {', '.join(Right)}")
    return frozenset(rights)


class _Reader:
    """Reads a document, and knows the line of each of its keys."""

    def __init__(self, document: Mapping[str, Any], lines: Lines) -> None:
        self._document = document
        self._lines = lines

    def rules(self) -> AccessRules:
        for key in self._document:
            if key not in _TABLES:
                raise self._error((key,), f"unknown table {key!r}: expected {', '.join(sorted(_TABLES))}")
        users: dict[str, tuple[Grant, ...]] = {}
        for name in self._table(("users",)):
            if composed(name) in users:
                raise self._error(("users", name), f"the user {name!r} has two tables, in two spellings of its letters")
            users[composed(name)] = self._grants(("users", name))
        groups = {name: self._group(("groups", name)) for name in self._table(("groups",))}
        return AccessRules(users, groups, self._grants(("everyone",)), self._anonymous())

    def _group(self, place: Place) -> tuple[frozenset[str], tuple[Grant, ...]]:
        for key in self._table(place):
            if key not in {"members", "projects"}:
                raise self._error((*place, key), f"unknown key {key!r} of a group: expected members, projects")
        return frozenset(map(composed, self._texts((*place, "members")))), self._grants((*place, "projects"))

    def _grants(self, place: Place) -> tuple[Grant, ...]:
        return tuple(self._each_grant(place))

    def _each_grant(self, place: Place) -> Iterator[Grant]:
        for key, value in self._table(place).items():
            try:
                pattern = parse_pattern(key)
                rights = parse_rights(value if isinstance(value, list) else [value])
            except ValueError as error:
                raise self._error((*place, key), str(error)) from error
            if not rights:
                raise self._error((*place, key), "an empty list of rights: remove the line instead")
            if Right.ADMIN in rights and pattern != EVERYTHING:
                raise self._error((*place, key), "the right 'admin' is for the whole index: give it on '*'")
            yield Grant(rights, pattern)

    def _anonymous(self) -> tuple[str, ...] | None:
        place: Place = ("anonymous",)
        if "anonymous" not in self._document:
            return None
        for key in self._table(place):
            if key != "projects":
                raise self._error((*place, key), f"unknown key {key!r}: expected projects")
        patterns = []
        for number, text in enumerate(self._texts((*place, "projects"))):
            try:
                patterns.append(parse_pattern(text))
            except ValueError as error:
                raise self._error((*place, "projects", number), str(error)) from error
        return tuple(patterns)

    def _value(self, place: Place) -> Any:
        found: Any = self._document
        for key in place:
            found = found.get(key, {}) if isinstance(found, dict) else {}
        return found

    def _table(self, place: Place) -> dict[str, Any]:
        found = self._value(place)
        if not isinstance(found, dict):
            raise self._error(place, f"{place[-1]!r} must be a table")
        return found

    def _texts(self, place: Place) -> list[str]:
        found = self._value(place) or []
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise self._error(place, f"{place[-1]!r} must be a list of strings")
        return found

    def _error(self, place: Place, problem: str) -> InvalidAccessError:
        return InvalidAccessError(problem, self._lines.of(place))
