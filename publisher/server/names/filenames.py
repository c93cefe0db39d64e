"""Names: which project and version a file belongs to by its name, and which names are valid or reserved."""

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from packaging.utils import is_normalized_name

from publisher.limits import LIMITS
from publisher.project.versions import parse_version

SUFFIXES = (
    ".whl",
    ".tar.gz",
    ".zip",
    ".tar.bz2",
    ".tgz",
    ".tar.xz",
    ".tar.z",
    ".egg",
    ".exe",
    ".msi",
    ".rpm",
    ".deb",
    ".tar",
)
"""The endings of files that package indexes have ever served."""

SIGNATURE = ".asc"

METADATA_SUFFIX = ".metadata"
"""The ending of a wheel's metadata, beside the wheel (PEP 658)."""

_SDIST = ".tar.gz"

_SEPARATORS = re.compile(r"[-_.]+")
_LEGACY_VERSION = re.compile(r"-(?=v?\d)", re.IGNORECASE)
_TWO_NUMBERS = re.compile(r"\d+-\d")
_PLAIN = re.compile(r"[\d.]+")
_BINARY_SUFFIXES = {".exe", ".msi", ".tar.gz", ".zip", ".tar", ".tar.bz2"}
_BINARY = re.compile(
    r"(?P<name>.+?)-(?P<version>v?\d[^-]*?)[.-]"
    r"(?:win32|win-\w+|linux(?:[-_]\w+)?|macosx[-_][\d.]+[-_]\w+|cygwin\S*?|freebsd[-_.\d]*\w*|(?:aix|solaris|sunos)\S*?)"
    r"(?:-py[\d.]+)?",
    re.IGNORECASE,
)
"""Stems that bdist_dumb, bdist_wininst and bdist_msi wrote: name, version, platform, and maybe a Python version."""


class Guess(NamedTuple):
    """A parsed file name: the normalized project (PEP 503) and the version as written, maybe empty."""

    project: str
    version: str


def normalize(name: str) -> str:
    """Return a project's normalized name (PEP 503), as `packaging` does, without checks that cost at 100,000 files."""
    return _normalize(name) if len(name) <= LIMITS.project_name else _SEPARATORS.sub("-", name).lower()


@lru_cache(maxsize=5_000)
def _normalize(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()


def is_name(name: str) -> bool:
    """Return whether a normalized name is one that a project may have; others are never looked for on the disk."""
    return len(name) <= LIMITS.project_name and is_normalized_name(name)


def is_reserved(name: str, pattern: str) -> bool:
    """Return whether a normalized name matches a pattern; ``acme-*`` covers ``acme`` itself too, as in PEP 752."""
    normalized = normalize(pattern)
    return fnmatchcase(name, normalized) or name == normalized.removesuffix("-*")


def guess(filename: str) -> Guess | None:
    """
    Return project and version of a distribution's file name, new or of any older convention; None for other files.

    No more than splitting: a folder of 100,000 files is read with it when the index starts.
    """
    lower = filename.lower()
    if lower.endswith(".whl"):
        parts = filename.split("-", 2)
        return Guess(normalize(parts[0]), parts[1]) if len(parts) == 3 else None
    if lower.endswith(_SDIST):
        suffix: str | None = _SDIST
    else:
        suffix = next((suffix for suffix in SUFFIXES if lower.endswith(suffix)), None)
    if suffix is None or lower[0] == ".":
        return None
    return _guess_stem(filename[: -len(suffix)], suffix)


def _guess_stem(stem: str, suffix: str) -> Guess:
    name, dash, version = stem.rpartition("-")
    if dash and version[:1].isdigit() and suffix in {".tar.gz", ".zip"} and not _LEGACY_VERSION.search(name):
        binary = _BINARY.fullmatch(stem) if suffix in _BINARY_SUFFIXES and not _PLAIN.fullmatch(version) else None
        return Guess(normalize(name), binary["version"] if binary else version)
    splits = list(_LEGACY_VERSION.finditer(stem))
    if not splits:
        return Guess(normalize(stem), "")
    binary = _BINARY.fullmatch(stem) if suffix in _BINARY_SUFFIXES else None
    if binary is not None:
        return Guess(normalize(binary["name"]), binary["version"])
    if suffix in {".egg", ".exe"}:
        return Guess(normalize(stem[: splits[0].start()]), stem[splits[0].end() :].partition("-")[0])
    # of python-3d-1.0 the version is 1.0, of foo-1.0-1 it is 1.0-1, of acme-3-20240101 it is 20240101
    texts = [(split, stem[split.end() :]) for split in splits]
    split = next((split for split, text in texts if parse_version(text) and not _TWO_NUMBERS.match(text)), splits[0])
    return Guess(normalize(stem[: split.start()]), stem[split.end() :])
