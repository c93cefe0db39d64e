"""Distribution files: kind, name, version and core metadata."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from publisher.errors import InvalidDistributionError, OversizedDistributionError
from publisher.limits import LIMITS, DistributionLimits
from publisher.project.display import has_control_characters
from publisher.project.kinds import Kind
from publisher.project.versions import same_version

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

    from publisher.project.archives import Checkpoint, Source


class DistName(NamedTuple):
    """A valid distribution file name, parsed; `text` is the name on disk."""

    text: str
    kind: Kind
    name: NormalizedName
    version: Version


@dataclass(frozen=True)
class Distribution:
    """
    A wheel or sdist whose archive could be read and whose metadata agrees with its file name.

    ``path`` is where the bytes are (not necessarily under the distribution's own name; only that name for bytes in
    memory), ``size`` how many they are, ``files`` the names of the files in it, ``metadata`` the verbatim bytes of
    METADATA or PKG-INFO, ``fields`` the parsed part of them, unvalidated, and ``unparsed`` the rest.
    """

    path: Path
    file: DistName
    size: int
    files: Sequence[str] = field(repr=False)
    metadata: bytes = field(repr=False)
    fields: "RawMetadata" = field(repr=False)
    unparsed: Mapping[str, Sequence[str]] = field(repr=False)

    @property
    def filename(self) -> str:
        """The distribution's own file name."""
        return self.file.text

    @property
    def kind(self) -> Kind:
        """Whether this is a wheel or an sdist."""
        return self.file.kind

    @property
    def name(self) -> NormalizedName:
        """The normalized project name (PEP 503)."""
        return self.file.name

    @property
    def version(self) -> Version:
        """The version (PEP 440)."""
        return self.file.version

    @property
    def display_name(self) -> str:
        """The project's name as its author writes it."""
        return self.fields.get("name", self.name)

    @property
    def requires_python(self) -> str | None:
        """The specifier of ``Requires-Python`` as written in the metadata."""
        return self.fields.get("requires_python")


def parse_metadata(
    metadata: bytes, limits: DistributionLimits = LIMITS.distributions
) -> "tuple[RawMetadata, dict[str, list[str]]]":
    """
    Return the fields of core metadata that could be parsed, unvalidated, and those that could not.

    Raises InvalidDistributionError for more of them than anybody writes: parsing takes the square of their number.
    """
    _bound_fields(metadata, limits)
    from packaging.metadata import parse_email  # noqa: PLC0415 - takes its time, and a build begins without it

    return parse_email(metadata)


def _bound_fields(metadata: bytes, limits: DistributionLimits) -> None:
    """
    Return when the fields are few; raise InvalidDistributionError otherwise.

    The parser is made for mail: a carriage return alone ends a line for it, too, and a ``Content-Type`` has it take the
    description apart, by recursion.
    """
    head = metadata[: limits.metadata_head].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    fields, blank, _ = head.partition(b"\n\n")
    lines = fields.split(b"\n", limits.metadata_fields + 1)
    names = {line.partition(b":")[0].strip().lower()[:100] for line in lines if line[:1] not in {b"", b" ", b"\t"}}
    unended = not blank and len(metadata) > limits.metadata_head
    if unended or len(lines) > limits.metadata_fields or len(names) > limits.field_names:
        raise OversizedDistributionError("its metadata has too many fields")
    if b"content-type" in names:
        raise InvalidDistributionError("its metadata has the field Content-Type, which is for mail")


@lru_cache(maxsize=1000)
def parse_filename(text: str) -> DistName:
    """
    Return the parsed file name of a distribution.

    Wheels follow the binary distribution format (PEP 427), sdists are ``.tar.gz`` (PEP 625) or the older ``.zip``.

    Raises InvalidDistributionError when the name is not that of a wheel or an sdist, or holds a path
    or control characters.
    """
    if "/" in text or "\\" in text or has_control_characters(text):
        raise InvalidDistributionError(f"the file name {text!r} contains a path or control characters")
    limit = LIMITS.distributions.filename
    if len(text.encode("utf-8", "surrogateescape")) > limit:
        raise InvalidDistributionError(f"the file name {text[:40]!r}... is longer than {limit} bytes")
    try:
        if text.endswith(".whl"):
            _bound_tags(text)
            name, version, _, _ = parse_wheel_filename(text)
            return DistName(text, Kind.WHEEL, _valid(name), version)
        if text.endswith((".tar.gz", ".zip")):
            name, version = parse_sdist_filename(text)
            return DistName(text, Kind.SDIST, _valid(name), version)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion, InvalidName) as error:
        raise InvalidDistributionError(f"{text!r} is not a valid distribution file name: {error}") from error
    raise InvalidDistributionError(
        f"{text!r} is neither a wheel (.whl) nor a source distribution (.tar.gz, .zip)",
        hint="Give the files that a build wrote, for example dist/*.whl and dist/*.tar.gz.",
    )


def _bound_tags(filename: str) -> None:
    """Raise InvalidDistributionError for a wheel's name of so many combinations of tags that they fill the memory."""
    parts = filename.removesuffix(".whl").rsplit("-", 3)[1:]
    if prod(part.count(".") + 1 for part in parts) > LIMITS.distributions.tags:
        raise InvalidDistributionError(f"the file name {filename!r} has more tags than installers know")


def read_distribution(
    source: "Source",
    filename: str | None = None,
    checkpoint: "Checkpoint | None" = None,
    limits: DistributionLimits = LIMITS.distributions,
) -> Distribution:
    """
    Read a wheel or sdist and prove that archive, metadata and file name agree.

    ``filename`` is the distribution's own name where the bytes lie under another one (an upload's temporary file), or
    in memory.
    ``checkpoint`` is called now and then, and may raise to end the work.

    Raises InvalidDistributionError when they do not agree or cannot be read, OSError when the file cannot be opened.
    """
    from publisher.project.archives import no_checkpoint  # noqa: PLC0415 - file names alone need no archives

    path = Path(filename or "") if isinstance(source, bytes) else source
    file = parse_filename(path.name if filename is None else filename)
    try:
        read = _wheel_metadata if file.kind is Kind.WHEEL else _sdist_metadata
        files, metadata = read(source, file, checkpoint or no_checkpoint, limits)
        fields, unparsed = _agreeing_fields(file, metadata, limits)
    except InvalidDistributionError as error:
        raise type(error)(f"{file.text}: {error.message}", hint=error.hint) from error
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    return Distribution(path, file, size, files, metadata, fields, unparsed)


def _wheel_metadata(
    source: "Source", file: DistName, checkpoint: "Checkpoint", limits: DistributionLimits
) -> tuple[list[str], bytes]:
    """Return the names of a wheel's files, and its METADATA."""
    from publisher.project.archives import read_zip  # noqa: PLC0415 - as above

    def wanted(names: list[str]) -> list[str]:
        folder = dist_info(names, file)
        needed = [f"{folder}/METADATA", f"{folder}/WHEEL", f"{folder}/RECORD"]
        for name in needed:
            if name not in names:
                raise InvalidDistributionError(f"the wheel has no {name}")
        return needed[:2]

    found = read_zip(source, wanted, checkpoint, limits)
    return found.files, next(iter(found.picked.values()))


def dist_info(names: Iterable[str], file: DistName) -> str:
    """Return a wheel's .dist-info folder; raise InvalidDistributionError unless it has exactly one of its own name."""
    folders = {top for name in names if (top := name.partition("/")[0]).endswith(".dist-info") and "/" in name}
    if len(folders) != 1:
        found = ", ".join(sorted(folders)) or "none"
        raise InvalidDistributionError(f"a wheel has exactly one .dist-info folder, this one has {found}")
    folder = folders.pop()
    name, _, version = folder.removesuffix(".dist-info").rpartition("-")
    if canonicalize_name(name) != file.name or not same_version(version.replace("_", "-"), file.version):
        raise InvalidDistributionError(f"its folder {folder} is for another name or version than the file name")
    return folder


def _sdist_metadata(
    source: "Source", file: DistName, checkpoint: "Checkpoint", limits: DistributionLimits
) -> tuple[list[str], bytes]:
    """Return the names of an sdist's files, and its PKG-INFO."""
    from publisher.project.archives import read_tar, read_zip  # noqa: PLC0415 - as above

    def is_pkg_info(name: str) -> bool:
        parts = PurePosixPath(name).parts
        return len(parts) == 2 and parts[1] == "PKG-INFO" and not name.endswith("/")

    if file.text.endswith(".zip"):
        found = read_zip(source, lambda names: [*filter(is_pkg_info, names)], checkpoint, limits)
    else:
        found = read_tar(source, is_pkg_info, checkpoint, limits)
    names = [*found.files, *found.folders]
    tops = {PurePosixPath(name).parts[0] for name in names if PurePosixPath(name).parts}
    if len(tops) != 1:
        raise InvalidDistributionError("an sdist has exactly one top-level folder, this one has " + _few(tops))
    if not found.picked:
        raise InvalidDistributionError(f"the sdist has no {tops.pop()}/PKG-INFO")
    if len(found.picked) > 1:
        raise InvalidDistributionError("an sdist has exactly one PKG-INFO, this one has " + _few(found.picked))
    return found.files, next(iter(found.picked.values()))


def _agreeing_fields(
    file: DistName, metadata: bytes, limits: DistributionLimits
) -> "tuple[RawMetadata, dict[str, list[str]]]":
    """Return what `parse_metadata` returns; raise InvalidDistributionError when the file name says other things."""
    fields, unparsed = parse_metadata(metadata, limits)
    if "metadata_version" not in fields:
        raise InvalidDistributionError("its metadata has no valid Metadata-Version field")
    if "name" not in fields or "name" in unparsed:
        raise InvalidDistributionError("its metadata has no Name field, or several")
    if "version" not in fields or "version" in unparsed:
        raise InvalidDistributionError("its metadata has no Version field, or several")
    if (
        not fields["name"].isascii() or canonicalize_name(fields["name"]) != file.name
    ):  # the Kelvin sign's lower case is k
        raise InvalidDistributionError(
            f"its metadata names the project {fields['name']!r}, its file name {file.name!r}"
        )
    if not same_version(fields["version"].replace("_", "-"), file.version):
        raise InvalidDistributionError(f"its metadata has the version {fields['version']!r}, not {str(file.version)!r}")
    return fields, unparsed


def _valid(name: str) -> NormalizedName:
    """Return a project's name; raise InvalidName for one with other characters than the specification of names has."""
    return canonicalize_name(name, validate=True)


def _few(items: Iterable[str]) -> str:
    """Return the first three items, and how many more there are, for a message."""
    ordered = sorted(items)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""
    return (", ".join(ordered[:3]) or "none") + more
