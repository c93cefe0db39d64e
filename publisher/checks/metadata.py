"""What must hold of built files before anything is published."""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cache

from packaging.metadata import ExceptionGroup as InvalidFields
from packaging.metadata import InvalidMetadata, Metadata, RawMetadata, parse_email
from packaging.version import Version

from publisher.errors import CheckFailedError
from publisher.project.distributions import Distribution, Kind
from publisher.project.versions import parse_version

_RST = "text/x-rst"
_COMPLAINT = re.compile(r"<string>:(\d+):? (?:\([A-Z]+/\d\) )?(.*)")
_LICENSE_FILES_SINCE = Version("2.4")


@dataclass(frozen=True)
class MetadataProblem:
    """One thing that is wrong with one file."""

    filename: str
    message: str

    def __str__(self) -> str:
        return f"{self.filename}: {self.message}"


def check(distributions: Sequence[Distribution]) -> None:
    """
    Return when files may be published together.

    Raises CheckFailedError, with every violation, when metadata is invalid (required fields, versions, specifiers: the
    core metadata specification), a description would not render, or wheel and sdist of a project disagree.
    """
    violations = [violation for distribution in distributions for violation in _check_one(distribution)]
    violations += _check_agreement(distributions)
    if violations:
        raise CheckFailedError(
            "\n".join(map(str, violations)),
            hint="Mend it in the project (pyproject.toml, README) and build again. Nothing was published.",
        )


def warnings(distributions: Iterable[Distribution]) -> list[MetadataProblem]:
    """Return what is not wrong but probably not meant: no description at all."""
    return [
        MetadataProblem(distribution.filename, "it has no description; add `readme` to [project]")
        for distribution in distributions
        if not has_description(distribution.fields)
    ]


def _check_one(distribution: Distribution) -> list[MetadataProblem]:
    messages = metadata_errors(distribution.metadata) + description_errors(distribution.fields)
    return [MetadataProblem(distribution.filename, message) for message in messages]


def metadata_errors(metadata: bytes) -> list[str]:
    """Return what is wrong with the bytes of METADATA or PKG-INFO."""
    fields, unparsed = parse_email(metadata)
    if _is_older(fields, _LICENSE_FILES_SINCE):
        # setuptools wrote License-File long before the metadata version that defines it; every index accepts that
        fields.pop("license_files", None)
        unparsed.pop("license-file", None)
    messages = [f"the metadata field {name!r} is unknown or malformed" for name in unparsed]
    try:
        Metadata.from_raw(fields)
    except InvalidFields as group:
        messages += sorted(_reason(error) for error in group.exceptions)
    return messages


def _is_older(fields: RawMetadata, version: Version) -> bool:
    found = parse_version(fields.get("metadata_version", "0"))
    return found is not None and found < version


def _reason(error: Exception) -> str:
    if isinstance(error, InvalidMetadata):
        return f"the metadata field {error.field!r} is invalid: {error}"
    return str(error)


def has_description(fields: RawMetadata) -> bool:
    """Tell whether metadata has a description; older setuptools wrote UNKNOWN for none."""
    return bool(fields.get("description", "").strip()) and fields.get("description", "").strip() != "UNKNOWN"


def description_errors(fields: RawMetadata) -> list[str]:
    """Render the description as the public index does; only reStructuredText can fail to render."""
    if not has_description(fields):
        return []
    content_type = EmailMessage()
    content_type["content-type"] = fields.get("description_content_type") or _RST
    if content_type.get_content_type() in {"text/plain", "text/markdown"}:
        return []
    said = [f"line {line} {message}" for line, message in render_rst(fields["description"])]
    return [f"the description does not render as reStructuredText: {'; '.join(said)}"] if said else []


@cache  # the wheel's description is the sdist's
def render_rst(text: str) -> Sequence[tuple[int | None, str]]:
    """Return why reStructuredText does not render, each reason with its line; nothing when it does."""
    import readme_renderer.rst  # noqa: PLC0415, TID251 - the only door to readme_renderer; docutils takes its time

    complaints = io.StringIO()
    if readme_renderer.rst.render(text, stream=complaints) is not None:
        return []
    said = [_COMPLAINT.match(line) for line in complaints.getvalue().splitlines()]
    found: list[tuple[int | None, str]] = [(int(each[1]), each[2]) for each in said if each]
    return found or [(None, "it does not render as reStructuredText, for no reason that is given")]


def _check_agreement(distributions: Iterable[Distribution]) -> list[MetadataProblem]:
    """Find wheels whose version is not that of the project's sdist among the same files."""
    sdists = {(sdist.name, sdist.version) for sdist in distributions if sdist.kind is Kind.SDIST}
    versions = dict(sdists)
    return [
        MetadataProblem(wheel.filename, f"the wheel has the version {wheel.version}, the sdist {versions[wheel.name]}")
        for wheel in distributions
        if wheel.kind is Kind.WHEEL and wheel.name in versions and (wheel.name, wheel.version) not in sdists
    ]
