"""Checks of an upload before it is stored: its file name, and a form that agrees with the file."""

import re

from packaging.utils import InvalidName, canonicalize_name

from publisher.errors import InvalidDistributionError
from publisher.limits import LIMITS
from publisher.project.distributions import DistName, parse_filename
from publisher.project.versions import same_version
from publisher.server.http.messages import HttpError
from publisher.server.http.multipart import FormParser
from publisher.server.names.filenames import guess, is_name

LEGACY_SUFFIXES = (".egg", ".tar.bz2", ".tgz", ".tar.xz", ".tar", ".exe", ".msi", ".rpm", ".deb", ".tar.gz", ".zip")
"""Formats that pypiserver takes; of sdists those whose names or contents today's rules refuse."""

_PLAIN = re.compile(r"[A-Za-z0-9._+!-]+")


def check_filename(filename: str, *, accept_legacy: bool) -> str:
    """Return the normalized project of an uploaded file's name; raise HttpError 400 for a name that is refused."""
    if not _PLAIN.fullmatch(filename):
        raise HttpError(
            400,
            f"The file name {filename[:200]!r} contains characters other than ASCII letters, digits and . _ + ! -",
        )
    if len(filename) > LIMITS.upload_name:
        raise HttpError(400, f"The file name is longer than {LIMITS.upload_name} bytes.")
    guessed = guess(filename)
    try:
        name: str = parse_filename(filename).name
    except InvalidDistributionError as error:
        if not accept_legacy or not is_legacy(filename):
            raise HttpError(400, f"The file name is not acceptable: {error.message}.") from error
        assert guessed is not None, "a legacy name has a project"  # noqa: S101 - for the type checker
        return guessed.project
    if guessed is None or guessed.project != name:
        raise HttpError(
            400, f"The file name {filename!r} is ambiguous; replace '-' with '_' in the project name (PEP 625)."
        )
    return name


def is_legacy(filename: str) -> bool:
    """Return whether a name is one that pypiserver takes and today's rules don't."""
    guessed = guess(filename)
    known = filename.lower().endswith(LEGACY_SUFFIXES) and not filename.startswith(".")
    return known and guessed is not None and is_name(guessed.project) and bool(guessed.version)


def check_form(form: FormParser, distribution: DistName) -> None:
    """Refuse a form that says other things than the file."""
    name, version, kind = form.text("name"), form.text("version"), form.text("filetype")
    if name and not _same_name(name, distribution):
        raise HttpError(400, f"The form says the project is {name[:200]!r}, the file says {distribution.name!r}.")
    if version and not same_version(version, distribution.version):
        raise HttpError(
            400, f"The form says the version is {version[:200]!r}, the file says {str(distribution.version)!r}."
        )
    if kind and kind != distribution.kind.value:
        raise HttpError(400, f"The form says the file is a {kind[:40]!r}; its name says {distribution.kind.value!r}.")


def signature_of(form: FormParser) -> bytes | None:
    """Return the signature in a form, or None; raise HttpError 413 for one that is too long."""
    text = form.text("gpg_signature")
    if len(text) > LIMITS.signature:
        raise HttpError(413, f"The signature is longer than {LIMITS.signature} bytes.")
    return text.encode() or None


def _same_name(name: str, distribution: DistName) -> bool:
    try:
        return canonicalize_name(name, validate=True) == distribution.name
    except InvalidName:
        return False
