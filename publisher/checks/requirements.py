"""Checks of dependencies, extras and dependency groups."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from publisher.checks.document import Document
from publisher.checks.violations import Violation
from publisher.files.tables import table_at

_POETRY_VERSION = r"v?\d+(?:[.\-_+]?[0-9a-zA-Z]+)*(?:\.[*xX])?"
_POETRY_PART = rf"(?:[*xX]|(?:\^|~=|~|===?|!=|<=|>=|<|>|=)?\s*{_POETRY_VERSION}(?:\s+-\s+{_POETRY_VERSION})?)"
_POETRY = re.compile(rf"{_POETRY_PART}(?:\s*,\s*{_POETRY_PART}|\s+{_POETRY_PART}|\s*\|\|?\s*{_POETRY_PART})*\s*,?")
"""A constraint as poetry writes it: ``^1.2``, ``>=1,<2``, ``1.*``, ``^1 || ^2``."""


def check_requirements(document: Document) -> Iterator[Violation]:
    """Check everything that the project requires."""
    yield from _check_list(document, "project", "dependencies")
    extras = document.project.get("optional-dependencies")
    seen: dict[str, str] = {}
    for extra in extras if isinstance(extras, Mapping) else ():
        place = ("project", "optional-dependencies", extra)
        try:
            normal = canonicalize_name(extra, validate=True)
        except InvalidName:
            yield document.violation("PP204", place, f"{extra!r} is not a valid name of an extra")
            continue
        if normal in seen:
            yield document.violation("PP205", place, f"{extra!r} and {seen[normal]!r} are one extra")
        seen.setdefault(normal, extra)
        yield from _check_list(document, *place)
    yield from _check_groups(document)
    yield from _check_poetry(document)


def _check_list(document: Document, *place: str) -> Iterator[Violation]:
    own = document.project.get("name")
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for at, text in document.items(*place):
        try:
            found = Requirement(text)
        except InvalidRequirement as error:
            yield document.violation("PP201", at, f"{text!r} is not a valid dependency: {_reason(error)}")
            continue
        if found.url:
            yield document.violation("PP202", at, f"{found.name} is required from a URL")
        name = str(canonicalize_name(found.name))
        key = (name, str(found.marker), tuple(sorted(found.extras)))
        if key in seen:
            yield document.violation("PP203", at, f"{found.name} is listed twice")
        seen.add(key)
        if isinstance(own, str) and name == canonicalize_name(own) and not found.extras:
            yield document.violation("PP208", at, f"the project {own} requires itself")


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(":.")


def _check_groups(document: Document) -> Iterator[Violation]:
    groups = table_at(document.data, "dependency-groups")
    known = {canonicalize_name(name): name for name in groups}
    includes: dict[NormalizedName, set[NormalizedName]] = {}
    for name, entries in groups.items():
        included = includes.setdefault(canonicalize_name(name), set())
        for number, entry in enumerate(entries if isinstance(entries, list) else []):
            place = ("dependency-groups", name, number)
            match entry:
                case str():
                    try:
                        Requirement(entry)
                    except InvalidRequirement as error:
                        message = f"{entry!r} is not a valid dependency: {_reason(error)}"
                        yield document.violation("PP206", place, message)
                case {"include-group": str(other), **rest} if not rest:
                    if canonicalize_name(other) not in known:
                        yield document.violation("PP206", place, f"unknown dependency group {other!r}")
                    included.add(canonicalize_name(other))
                case _:
                    message = f"{_shown(entry)} is neither a dependency nor an include-group"
                    yield document.violation("PP206", place, message)
    for name in includes:
        if name in _reached(name, includes):
            yield document.violation(
                "PP207", ("dependency-groups", known[name]), f"the group {known[name]!r} includes itself"
            )


def _check_poetry(document: Document) -> Iterator[Violation]:
    """Check the constraints of the table that poetry-core reads when it builds."""
    for name, wanted in table_at(document.data, "tool.poetry.dependencies").items():
        for entry in wanted if isinstance(wanted, list) else [wanted]:
            texts = [entry.get("version"), entry.get("python")] if isinstance(entry, Mapping) else [entry]
            for text in texts:
                if isinstance(text, str) and not _POETRY.fullmatch(text.strip()):
                    place = ("tool", "poetry", "dependencies", name)
                    yield document.violation("PP209", place, f"{text!r} is not a valid constraint")


def _shown(entry: Any) -> str:
    text = repr(entry)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _reached(name: NormalizedName, includes: Mapping[NormalizedName, set[NormalizedName]]) -> set[NormalizedName]:
    reached: set[NormalizedName] = set()
    waiting = [name]
    while waiting:
        new = includes.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached
