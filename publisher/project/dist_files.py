"""The distribution files that people mean when they name files, folders and patterns."""

import glob
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from publisher.errors import CheckFailedError, ConfigurationError

SUFFIXES = (".whl", ".tar.gz", ".zip")

_COMPANION_SUFFIXES = (
    ".asc",
    ".attestation",
    ".crt",
    ".intoto.jsonl",
    ".json",
    ".md5",
    ".minisig",
    ".pem",
    ".provenance",
    ".sha256",
    ".sha512",
    ".sig",
    ".sigstore",
)
"""Endings of the files that signers and builders leave beside distributions, in lower case."""

_COMPANION_WORDS = ("checksum", "sha256sum", "sha512sum", "md5sum")
_NO_FILES_HINT = "Build first: `pypi-publish build`."


def find_dist_files(paths: Iterable[Path]) -> list[Path]:
    """
    Return each distribution file once, by name.

    A folder selects the distributions in it and one level below, where CI puts the artifacts of its jobs. A pattern
    that the shell left alone is expanded. Signatures, attestations and checksums are passed over, and of two files with
    the same name and bytes the first is taken.

    Raises ConfigurationError for a missing file, a pattern or folder without any distribution, and two files of one
    name with different bytes.
    """
    named = list(paths)
    found = [file for path in named for file in _expand(path)]
    if named and not found:
        raise ConfigurationError(
            f"No wheel or sdist in {', '.join(map(str, named[:3]))}{', ...' if len(named) > 3 else '.'}",
            hint=_NO_FILES_HINT,
        )
    return list(_unique(dict.fromkeys(path.absolute() for path in found)))


def _expand(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from dist_files_in(path)
    elif path.exists() or path.is_symlink():
        if not _is_companion(path):
            yield path
    elif glob.has_magic(str(path)):
        matches = sorted(glob.glob(str(path)))  # noqa: PTH207 - the pattern may be absolute
        if not matches:
            raise ConfigurationError(f"No files match {str(path)!r}.", hint=_NO_FILES_HINT)
        for match in matches:
            yield from _expand(Path(match))
    else:
        raise ConfigurationError(f"No such file: {path}", hint=_NO_FILES_HINT)


def dist_files_in(folder: Path) -> Iterator[Path]:
    """Yield the distribution files in a folder and one level below; raise CheckFailedError when it can't be read."""
    try:
        entries = sorted(folder.iterdir())
        below = [entry for each in entries if each.is_dir() for entry in sorted(each.iterdir())]
    except OSError as error:
        raise CheckFailedError(f"{error.filename} can't be read: {error.strerror}.") from error
    yield from (entry for entry in [*entries, *below] if entry.name.endswith(SUFFIXES) and entry.is_file())


def _is_companion(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith(_COMPANION_SUFFIXES) or any(word in name for word in _COMPANION_WORDS)


def _unique(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the first file of each name; raise ConfigurationError when another one has different bytes."""
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.name, path)
        if other is path:
            yield path
        elif _digest(other) != _digest(path):
            raise ConfigurationError(
                f"Two files are named {path.name} and differ: {other} and {path}.", hint="Pass one of them."
            )


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise CheckFailedError(f"{path} can't be read: {error.strerror or error}.") from error
