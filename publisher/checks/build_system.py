"""Checks of `[build-system]`, this tool's own table, and the schemas that other tools publish."""

import logging
import re
from collections.abc import Collection, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from publisher.checks.backend_quirks import find_backend
from publisher.checks.document import Document
from publisher.checks.violations import Violation
from publisher.client.url import parse_index_url
from publisher.errors import ConfigurationError
from publisher.files.tables import table_at
from publisher.project.config import read_project_config
from publisher.project.toml_positions import Place
from publisher.project.workspace import find_projects

_MANY = 30
"""Problems with the schemas that are reported at once."""

_OF_ONE_TOOL = "validate_pyproject.tool_schema"
"""The group of entry points with a schema for each tool's table, by the tool's name."""

_UNHEARD = logging.NullHandler()
"""Keeps validate-pyproject's log off stderr; without any handler Python prints it there."""


def check_build_system(document: Document) -> Iterator[Violation]:
    """Check that a frontend can start the backend (PEP 517, PEP 518)."""
    table = table_at(document.data, "build-system")
    if "build-system" not in document.data:
        if not document.project:
            return  # the root of a workspace, or a file that is there for other tools
        yield document.violation("PP501", (), "pyproject.toml has no [build-system]")
        return
    if "requires" not in table:
        yield document.violation("PP502", ("build-system",), "[build-system] has no requires")
    paths = document.items("build-system", "backend-path")
    for place, text in paths:
        if not _is_folder_of(document.folder, text):
            yield document.violation("PP504", place, f"{text!r} is not a folder of the project")
    yield from _check_build_requirements(document, is_local=bool(paths))


def _check_build_requirements(document: Document, *, is_local: bool) -> Iterator[Violation]:
    """Check `requires`, in which the backend has to be unless it is in the project itself."""
    required = set()
    for place, text in document.items("build-system", "requires"):
        try:
            found = Requirement(text)
            required.add(canonicalize_name(found.name))
            if canonicalize_name(found.name) == "uv-build" and not _is_bounded(found):
                yield document.violation("PP509", place, f"{text!r} has no upper bound")
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0].rstrip(":.")
            yield document.violation("PP503", place, f"{text!r} is not a valid dependency: {reason}")
    table, backend = table_at(document.data, "build-system"), find_backend(document.data)
    if backend and not is_local and "requires" in table and backend.package not in required:
        if "build-backend" in table:
            named = f"the backend {table['build-backend']!r} is in {backend.package}, which requires does not list"
            yield document.violation("PP505", ("build-system", "build-backend"), named)
        else:
            unnamed = f"without build-backend, the backend is {backend.package}, which requires does not list"
            yield document.violation("PP505", ("build-system", "requires"), unnamed)


def _is_folder_of(project: Path, text: str) -> bool:
    try:
        folder = (project / text).resolve()
        return folder.is_dir() and folder.is_relative_to(project.resolve())
    except (OSError, ValueError):
        return False


def _is_bounded(requirement: Requirement) -> bool:
    operators = {each.operator for each in requirement.specifier}
    return bool(requirement.url) or not operators.isdisjoint({"<", "<=", "==", "===", "~="})


def check_own_table(document: Document) -> Iterator[Violation]:
    """Check that this tool's own table is valid."""
    place: Place = ("tool", "pypi-publish")
    try:
        config = read_project_config(document.folder)
        find_projects([document.folder])
    except ConfigurationError as error:
        key = re.search(r"(?:key |: )'([\w-]+)'", error.message)
        message = error.message.removeprefix(f"{document.path}: ").rstrip(".")
        yield document.violation("PP506", (*place, key[1]) if key else place, message)
        return
    if config.index_url is not None:
        try:
            parse_index_url(config.index_url)
        except ConfigurationError as error:
            yield document.violation("PP507", (*place, "index-url"), error.message.rstrip("."))


def check_schemas(document: Document, lines: Collection[int]) -> Iterator[Violation]:
    """
    Return validate-pyproject's findings, except for values in which another rule found something.

    It reports one problem at a time, so each is removed before the next run.
    """
    from validate_pyproject.api import Validator  # noqa: PLC0415, TID251 - the only door to validate-pyproject
    from validate_pyproject.errors import ValidationError  # noqa: PLC0415, TID251
    from validate_pyproject.plugins import list_from_entry_points  # noqa: PLC0415, TID251

    logging.getLogger("validate_pyproject").addHandler(_UNHEARD)
    tools = table_at(document.data, "tool")  # the schema of a table that is not there takes long to compile
    plugins = list_from_entry_points(lambda entry: entry.group != _OF_ONE_TOOL or entry.name in tools)
    validate, data = Validator(plugins), deepcopy(dict(document.data))
    data.pop("dependency-groups", None)  # it takes A and a for two groups; PP206 and PP207 are about all of them
    reported: set[int] = set()
    for _ in range(_MANY):
        try:
            validate(data)
        except ValidationError as error:
            place = _place(error.name or "")
            if error.summary and not document.lines_below(place) & {*lines, *reported}:
                reported.add(document.line(place) or 1)
                yield document.violation("PP102", place, error.summary.splitlines()[0].replace("`", "'"))
            if not _take_out(data, place):
                return
        else:
            return


def _place(name: str) -> Place:
    """Return the place that ``project.authors[0].email`` names."""
    parts = re.findall(r"[^.\[\]`]+", name.removeprefix("data."))
    return tuple(int(part) if part.isdigit() else part for part in parts)


def _take_out(data: Any, place: Place) -> bool:
    """Take a value out of a document; return whether that succeeded."""
    if not place:
        return False
    *above, last = place
    try:
        for key in above:
            data = data[key]
        del data[last]
    except (KeyError, IndexError, TypeError):
        return False
    return True
