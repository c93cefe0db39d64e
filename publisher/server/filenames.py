"""Which project and version a file in a package folder belongs to, by its name alone."""

import re
from functools import lru_cache
from typing import NamedTuple

SUFFIXES = (
    ".whl",
    ".tar.gz",
    ".zip",
    ".tar.bz2",
    ".tgz",
    ".tar.xz",
    ".tar.Z",
    ".egg",
    ".exe",
    ".msi",
    ".rpm",
    ".deb",
    ".tar",
)
"""The endings of files that package indexes have ever served."""

SIGNATURE = ".asc"

_SEPARATORS = re.compile(r"[-_.]+")
_LEGACY_VERSION = re.compile(r"-(?=v?\d)", re.IGNORECASE)


class Guess(NamedTuple):
    """What a file's name says: the normalised project (PEP 503) and the version as it is written, maybe empty."""

    project: str
    version: str


@lru_cache(maxsize=200_000)
def normalize(name: str) -> str:
    """Return a project's normalised name (PEP 503), as `packaging` does, without checks that cost at 100,000 files."""
    return _SEPARATORS.sub("-", name).lower()


def guess(filename: str) -> Guess | None:
    """
    Return project and version of a distribution's file name, new or of any older convention; None for other files.

    No more than splitting: a folder of 100,000 files is read with it when the index starts.
    """
    if filename.endswith(".whl"):
        parts = filename.split("-", 2)
        return Guess(normalize(parts[0]), parts[1]) if len(parts) == 3 else None
    suffix = next((suffix for suffix in SUFFIXES if filename.endswith(suffix)), None)
    if suffix is None or filename.startswith("."):
        return None
    stem = filename.removesuffix(suffix)
    name, dash, version = stem.rpartition("-")
    if dash and version[:1].isdigit() and suffix in {".tar.gz", ".zip"} and not _LEGACY_VERSION.search(name):
        return Guess(normalize(name), version)
    split = _LEGACY_VERSION.search(stem)
    if split is None:
        return Guess(normalize(stem), "")
    version = stem[split.end() :]
    return Guess(normalize(stem[: split.start()]), version.partition("-")[0] if suffix in {".egg", ".exe"} else version)
