"""Checks of the metadata in built files: valid, displayable, and the same in wheel and sdist."""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from email.message import EmailMessage
from functools import cache
from pathlib import Path

from packaging.metadata import ExceptionGroup as InvalidFields
from packaging.metadata import InvalidMetadata, Metadata, RawMetadata
from packaging.version import Version

from publisher.checks.rules import RULES
from publisher.checks.violations import Violation
from publisher.project.distributions import Distribution
from publisher.project.kinds import Kind
from publisher.project.versions import parse_version

Report = Callable[[str, str], Violation]
"""Makes the violation of a rule, given by its code, in one file."""

_RST = "text/x-rst"
_COMPLAINT = re.compile(r"<string>:(\d+):? (?:\([A-Z]+/\d\) )?(.*)")
_LICENSE_FILES_SINCE = Version("2.4")
_UNREADABLE_SINCE = Version("3")
_NEEDED_TO_INSTALL = {"metadata-version", "name", "version", "requires-dist", "requires-python"}
"""The fields whose mistakes keep installers from installing; they ignore those of others."""

_TOO_OLD = "introduced in metadata version"
"""A field of a later version than the metadata declares, which installers read all the same."""


def reporter(distribution: Distribution) -> Report:
    """Return the function that makes violations in a file."""
    return lambda code, message: Violation(RULES[code], Path(distribution.filename), message)


def check_metadata(distributions: Sequence[Distribution]) -> Iterator[Violation]:
    """Check the metadata of files that are published together."""
    for distribution in distributions:
        report = reporter(distribution)
        yield from (report(code, message) for code, message in _invalid_fields(distribution))
        yield from _check_description(distribution.fields, report)
    yield from _check_agreement(distributions)


def _invalid_fields(distribution: Distribution) -> Iterator[tuple[str, str]]:
    """Yield code and message of each mistake in METADATA or PKG-INFO."""
    fields, unparsed = distribution.fields.copy(), dict(distribution.unparsed)
    if _is_older(fields, _LICENSE_FILES_SINCE):
        # setuptools wrote License-File long before the metadata version that defines it; every index accepts that
        fields.pop("license_files", None)
        unparsed.pop("license-file", None)
    for name in unparsed:
        yield "PP701" if name in _NEEDED_TO_INSTALL else "PP717", f"the metadata field {name!r} is unknown or malformed"
    try:
        Metadata.from_raw(fields)
    except InvalidFields as group:
        yield from sorted(_describe(error, fields) for error in group.exceptions)


def _describe(error: Exception, fields: RawMetadata) -> tuple[str, str]:
    if not isinstance(error, InvalidMetadata):
        return "PP717", str(error)
    matters = error.field in _NEEDED_TO_INSTALL and _TOO_OLD not in str(error)
    if error.field == "metadata-version":
        matters = not _is_older(fields, _UNREADABLE_SINCE)  # installers read every minor version
    return "PP701" if matters else "PP717", f"the metadata field {error.field!r} is invalid: {error}"


def _is_older(fields: RawMetadata, version: Version) -> bool:
    found = parse_version(fields.get("metadata_version", "0"))
    return found is not None and found < version


def _check_description(fields: RawMetadata, report: Report) -> Iterator[Violation]:
    """Render the description as the public index does; only reStructuredText can fail to render."""
    text = fields.get("description", "").strip()
    if not text or text == "UNKNOWN":  # older setuptools wrote that for none
        yield report("PP716", "the metadata has no description")
        return
    declared = fields.get("description_content_type")
    if not declared:
        yield report("PP718", "the description has no content type")
    content_type = EmailMessage()
    content_type["content-type"] = declared or _RST
    if content_type.get_content_type() in {"text/plain", "text/markdown"}:
        return
    reasons = [f"line {line} {message}" for line, message in render_rst(fields["description"])]
    if reasons:
        yield report("PP702", f"the description does not render as reStructuredText: {'; '.join(reasons)}")


@cache  # the wheel's description is the sdist's
def render_rst(text: str) -> Sequence[tuple[int | None, str]]:
    """Return why reStructuredText does not render, each reason with its line; nothing when it does."""
    import readme_renderer.rst  # noqa: PLC0415, TID251 - a door to readme_renderer; docutils takes its time

    complaints = io.StringIO()
    try:
        if readme_renderer.rst.render(text, stream=complaints) is not None:
            return []
    except Exception as error:  # noqa: BLE001 - docutils raises whatever its directives run into
        return [(None, f"docutils fails: {type(error).__name__}: {error}")]
    said = [_COMPLAINT.match(line) for line in complaints.getvalue().splitlines()]
    found: list[tuple[int | None, str]] = [(int(each[1]), each[2]) for each in said if each]
    return found or [(None, "it does not render as reStructuredText, for no reason that is given")]


def _check_agreement(distributions: Iterable[Distribution]) -> Iterator[Violation]:
    """Compare wheels with the sdist of the same project among the same files."""
    listed = list(distributions)
    sdists: dict[str, list[Distribution]] = {}
    for each in listed:
        if each.kind is Kind.SDIST:
            sdists.setdefault(each.name, []).append(each)
    for wheel in listed:
        others = sdists.get(wheel.name)
        if wheel.kind is not Kind.WHEEL or not others:
            continue
        report = reporter(wheel)
        sdist = next((each for each in others if each.version == wheel.version), None)
        if sdist is None:
            yield report("PP703", f"the wheel has the version {wheel.version}, the sdist {others[-1].version}")
            continue
        for field, label in (("requires_dist", "Requires-Dist"), ("requires_python", "Requires-Python")):
            if _value(wheel, field) != _value(sdist, field):
                yield report("PP704", f"its {label} differs from the sdist's")


def _value(distribution: Distribution, field: str) -> object:
    found = distribution.fields.get(field)
    return sorted(found) if isinstance(found, list) else found
