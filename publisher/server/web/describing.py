"""Metadata of a release, prepared for a page: links, people, license, requirements."""

import re
from collections.abc import Iterable, Mapping
from email.utils import getaddresses
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from publisher.limits import LIMITS
from publisher.project.dependencies import parse_requirement

KEPT = (
    "name",
    "metadata_version",
    "summary",
    "keywords",
    "author",
    "author_email",
    "maintainer",
    "maintainer_email",
    "license",
    "license_expression",
    "classifiers",
    "project_urls",
    "home_page",
    "download_url",
    "requires_python",
    "requires_dist",
    "provides_extra",
)
"""The fields that pages show."""


_PYTHON = "Programming Language :: Python :: "
_LICENSE = "License :: "
_MINOR = re.compile(r"3\.\d+")
_SPACE = re.compile(r"\s+")

Fields = Mapping[str, Any]


class PageLink(NamedTuple):
    """A link with its text; without a URL it is the text alone."""

    label: str
    url: str = ""


class Dependency(NamedTuple):
    """A requirement: the project as written and as looked up, its versions, and its condition."""

    name: str
    normalized: str
    extras: str
    specifier: str
    condition: str
    extra: str
    """The extra that brings it, empty for one that is always required."""


def kept_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of core metadata that pages show, each as long as a page has room for."""
    return {name: _bounded(fields[name]) for name in KEPT if name in fields}


def links(fields: Fields) -> list[PageLink]:
    """Return the links of a project, each once, with their labels."""
    given = [*fields.get("project_urls", {}).items(), ("Homepage", fields.get("home_page", ""))]
    found: dict[str, PageLink] = {}
    for label, url in [*given, ("Download", fields.get("download_url", ""))]:
        if is_web_url(url):
            found.setdefault(url.rstrip("/"), PageLink(one_line(label) or "Link", url))
    return list(found.values())


def people(fields: Fields, role: str) -> list[PageLink]:
    """Return the people in a role, ``author`` or ``maintainer``, with their addresses."""
    found = [
        PageLink(one_line(name or address), f"mailto:{address}" if "@" in address else "")
        for name, address in _addresses(fields.get(f"{role}_email", ""))
        if name or address
    ]
    name = one_line(fields.get(role, ""))
    if len(found) == 1 and name:
        return [PageLink(name, found[0].url)]
    return found or ([PageLink(name)] if name else [])


def _addresses(text: str) -> list[tuple[str, str]]:
    try:
        return getaddresses([text])
    except RecursionError:  # comments in comments in comments
        return []


def license_text(fields: Fields) -> str:
    """Return the license in a few words."""
    if fields.get("license_expression"):
        return one_line(fields["license_expression"])
    named = [each.rpartition(" :: ")[2] for each in fields.get("classifiers", []) if each.startswith(_LICENSE)]
    if named:
        return ", ".join(named)
    first = fields.get("license", "").strip().partition("\n")[0]
    return first if len(first) <= 80 else f"{first[:79]}…"


def python_versions(fields: Fields) -> list[str]:
    """Return the versions of Python that the classifiers name."""
    named = (each.removeprefix(_PYTHON) for each in fields.get("classifiers", []) if each.startswith(_PYTHON))
    return sorted({each for each in named if _MINOR.fullmatch(each)}, key=lambda each: int(each[2:]))


def keywords(fields: Fields) -> list[str]:
    """Return the keywords, which authors separate by commas or by spaces."""
    given = fields.get("keywords", [])
    listed = given if isinstance(given, list) else [given]
    if len(listed) == 1 and "," not in listed[0]:
        listed = listed[0].split()
    return [word for each in listed for part in each.split(",") if (word := one_line(part))]


def dependencies(fields: Fields) -> list[Dependency]:
    """Return the requirements, those of extras after those that are always needed."""
    found = [parsed for text in fields.get("requires_dist", []) if (parsed := dependency(text)) is not None]
    return sorted(found, key=lambda each: (each.extra != "", each.extra, each.normalized))


def extras(fields: Fields) -> list[str]:
    """Return the names of the extras."""
    return sorted({canonicalize_name(name) for name in fields.get("provides_extra", [])})


@lru_cache(maxsize=4096)
def dependency(text: str) -> Dependency | None:
    """Return a parsed requirement, None for an invalid one."""
    try:
        found = parse_requirement(one_line(text))
    except InvalidRequirement:
        return None
    condition, extra = _split_marker(found.marker)
    specifier = ",".join(sorted(map(str, found.specifier), key=_lower_bounds_first)) or (
        f"@ {found.url}" if found.url else ""
    )
    named = ",".join(sorted(found.extras))
    return Dependency(found.name, canonicalize_name(found.name), named, specifier, condition, extra)


def one_line(text: str) -> str:
    """Return a text in one line."""
    return _SPACE.sub(" ", text).strip()


def is_web_url(text: str) -> bool:
    """Return whether a text is a URL that a page may link to."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and text.isprintable() and " " not in text


def _lower_bounds_first(specifier: str) -> tuple[bool, str]:
    return specifier.startswith(("<", "!")), specifier


def _split_marker(marker: Marker | None) -> tuple[str, str]:
    """Return the condition and the extra of a marker."""
    if marker is None:
        return "", ""
    text = str(marker)
    for pattern in (
        r'^extra == "([^"]+)"$',
        r'^(?P<rest>.+) and extra == "([^"]+)"$',
        r'^extra == "([^"]+)" and (?P<rest>.+)$',
    ):
        match = re.match(pattern, text)
        if match is not None:
            groups = match.groupdict()
            rest = groups.get("rest", "")
            name = next(each for each in match.groups() if each != rest)
            return (rest[1:-1] if rest.startswith("(") and rest.endswith(")") else rest), canonicalize_name(name)
    return text, ""


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value[: LIMITS.pages.field]
    if isinstance(value, Mapping):
        return {str(key)[: LIMITS.pages.field]: _bounded(value[key]) for key in list(value)[: LIMITS.pages.entries]}
    if isinstance(value, Iterable):
        return [str(each)[: LIMITS.pages.field] for each in list(value)[: LIMITS.pages.entries]]
    return None
