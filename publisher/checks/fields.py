"""Checks of the single-valued keys of `[project]`: name, version, description, Python, people, URLs, entry points."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from publisher.checks.backend_quirks import find_backend
from publisher.checks.document import Document
from publisher.checks.violations import Violation

KEYS = frozenset(
    {
        "authors",
        "classifiers",
        "dependencies",
        "description",
        "dynamic",
        "entry-points",
        "gui-scripts",
        "import-names",
        "import-namespaces",
        "keywords",
        "license",
        "license-files",
        "maintainers",
        "name",
        "optional-dependencies",
        "readme",
        "requires-python",
        "scripts",
        "urls",
        "version",
    }
)
"""The keys that ``[project]`` may have (https://packaging.python.org/en/latest/specifications/pyproject-toml/)."""

SUMMARY_LIMIT = 512
LABEL_LIMIT = 32

_MISSPELT = 0.8
"""Similarity, of 1, from which a key is taken for a misspelled known one."""

_REFERENCE = re.compile(r"\s*[^\W\d]\w*(\.[^\W\d]\w*)*\s*(:\s*[^\W\d]\w*(\.[^\W\d]\w*)*\s*)?(\[.*\])?\s*")
_SCRIPT_NAME = re.compile(r"[\w.][\w.\- ]*(?<![ .])")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def check_fields(document: Document) -> Iterator[Violation]:
    """Check the keys that are not lists of dependencies or classifiers."""
    if not document.project:
        return
    yield from _check_keys(document)
    yield from _check_name(document)
    yield from _check_version(document)
    yield from _check_description(document)
    yield from _check_python(document)
    yield from _check_people(document)
    yield from _check_urls(document)
    yield from _check_entry_points(document)


def _check_keys(document: Document) -> Iterator[Violation]:
    backend = find_backend(document.data)
    is_refused = backend is not None and backend.refuses_unknown_keys
    for key in document.project:
        if key not in KEYS:
            close = get_close_matches(key, KEYS, n=1, cutoff=_MISSPELT)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            code = "PP111" if close or is_refused else "PP120"
            yield document.violation(code, ("project", key), f"[project] has the unknown key {key!r}{hint}")
        elif key in document.dynamic:
            yield document.violation("PP109", ("project", key), f"{key!r} is both given and listed as dynamic")
    for place, key in document.items("project", "dynamic"):
        if key not in KEYS - {"name", "dynamic"}:
            close = get_close_matches(key, KEYS - {"name"}, n=1)
            hint = f"; did you mean {close[0]!r}?" if close and key != "name" else ""
            yield document.violation("PP110", place, f"{key!r} can't be dynamic{hint}")


def _check_name(document: Document) -> Iterator[Violation]:
    name = document.project.get("name")
    place = ("project", "name")
    if name is None:
        yield document.violation("PP103", place, "[project] has no name")
        return
    try:
        normal = canonicalize_name(name, validate=True)
    except (InvalidName, TypeError):
        yield document.violation("PP103", place, f"{name!r} is not a valid name")
        return
    if name != normal:
        yield document.violation("PP104", place, f"the normal form of {name!r} is {normal!r}")


def _check_version(document: Document) -> Iterator[Violation]:
    text = document.project.get("version")
    place = ("project", "version")
    if text is None:
        if "version" not in document.dynamic:
            yield document.violation("PP105", ("project",), "[project] has no version and does not list it as dynamic")
        return
    try:
        version = Version(text)
    except (InvalidVersion, TypeError):
        yield document.violation("PP106", place, f"{text!r} is not a version")
        return
    if text != str(version):
        yield document.violation("PP107", place, f"the normal form of {text!r} is {str(version)!r}")
    if version.local:
        yield document.violation("PP108", place, f"{text!r} has the local part {version.local!r}")


def _check_description(document: Document) -> Iterator[Violation]:
    text = document.project.get("description")
    if isinstance(text, str):
        if len(text.splitlines()) > 1:
            yield document.violation("PP112", ("project", "description"), "the description has several lines")
        elif len(text) > SUMMARY_LIMIT:
            yield document.violation("PP112", ("project", "description"), f"the description has {len(text)} characters")


def _check_python(document: Document) -> Iterator[Violation]:
    text = document.project.get("requires-python")
    if text is None:
        if "requires-python" not in document.dynamic:
            yield document.violation("PP114", ("project",), "[project] has no requires-python")
        return
    try:
        SpecifierSet(text)
    except (InvalidSpecifier, TypeError, AttributeError):
        yield document.violation("PP113", ("project", "requires-python"), f"{text!r} is not a version specifier")


def _check_people(document: Document) -> Iterator[Violation]:
    for key in ("authors", "maintainers"):
        people = document.project.get(key)
        for number, person in enumerate(people if isinstance(people, list) else []):
            if not isinstance(person, Mapping):
                continue
            place, email = ("project", key, number), person.get("email")
            if not person.get("name") and not email:
                yield document.violation("PP115", place, f"an entry of {key!r} has neither a name nor an address")
            elif email is not None and not (isinstance(email, str) and _ADDRESS.fullmatch(email)):
                yield document.violation("PP115", place, f"{email!r} is not an address")


def _check_urls(document: Document) -> Iterator[Violation]:
    urls = document.project.get("urls")
    for label, url in urls.items() if isinstance(urls, Mapping) else ():
        place = ("project", "urls", label)
        if len(label) > LABEL_LIMIT:
            yield document.violation("PP116", place, f"the label {label!r} has {len(label)} characters")
        if isinstance(url, str) and not _is_url(url):
            yield document.violation("PP117", place, f"{url!r} is not an http or https URL")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", text)


def _check_entry_points(document: Document) -> Iterator[Violation]:
    groups: dict[tuple[str, ...], Any] = {(key,): document.project.get(key) for key in ("scripts", "gui-scripts")}
    found = document.project.get("entry-points")
    for group, entries in found.items() if isinstance(found, Mapping) else ():
        if group in {"console_scripts", "gui_scripts"}:
            table = f"[project.{'gui-scripts' if group == 'gui_scripts' else 'scripts'}]"
            message = f"{group!r} is not allowed in entry-points; use {table}"
            yield document.violation("PP119", ("project", "entry-points", group), message)
        groups["entry-points", group] = entries
    for place, entries in groups.items():
        for name, reference in entries.items() if isinstance(entries, Mapping) else ():
            is_script = len(place) == 1
            if is_script and not _SCRIPT_NAME.fullmatch(name):
                yield document.violation("PP121", ("project", *place, name), f"{name!r} can't be a program's file name")
            if isinstance(reference, str) and not _is_reference(reference, with_object=is_script):
                form = "module:object" if is_script else "module or module:object"
                message = f"{name!r}: {reference!r} does not have the form {form}"
                yield document.violation("PP118", ("project", *place, name), message)


def _is_reference(text: str, *, with_object: bool) -> bool:
    return bool(_REFERENCE.fullmatch(text)) and (":" in text or not with_object)
