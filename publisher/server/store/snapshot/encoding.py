"""The file of a snapshot: names of files by directory and project, proven before they are used."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from publisher.files.atomic import replace_file
from publisher.server.names import filenames
from publisher.server.store.projects import Project
from publisher.server.store.scan import DirectoryListing, Listings

_FORMAT = 1
_Places = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Snapshot:
    """The listings of directories, and for each of them the names of its files by project."""

    listings: Listings
    places: Mapping[str, _Places]


def encode_snapshot(listings: Listings, projects: Sequence[Project]) -> bytes | None:
    """Return a snapshot as it is written; None for names that it can't hold."""
    grouped: dict[str, dict[str, list[str]]] = {path: {} for path in listings}
    for project in projects:
        for filename, directory in list(project.places.items()):
            if directory in listings and filename in listings[directory].files:
                grouped[directory].setdefault(project.name, []).append(filename)
    sections: list[str] = []
    directories = []
    for path, listing in listings.items():
        placed = {filename for names in grouped[path].values() for filename in names}
        grouped[path][""] = sorted(listing.files - placed)
        lines = ["\t".join([name, *each]) for name, each in grouped[path].items()]
        status = os.stat(path)  # noqa: PTH116 - beside the one of the scan
        if listing.racy or status.st_mtime_ns != listing.mtime_ns:
            return None
        directories.append([path, len(lines), listing.mtime_ns, list(listing.folders), _proof(status)])
        sections += lines
        if sum(map(len, grouped[path].values())) != sum(line.count("\t") for line in lines):
            return None
    text = "\n".join(sections)
    if text.count("\n") != max(len(sections) - 1, 0):
        return None
    head = json.dumps({"v": _FORMAT, "rules": _rules(), "directories": directories})
    data = f"{head}\n{text}".encode()
    return hashlib.sha256(data).hexdigest().encode() + b"\n" + data


def write_snapshot(path: Path, data: bytes) -> None:
    """Write a snapshot; one that is lost or torn costs a start its short cut, and nothing else."""
    with suppress(OSError):
        replace_file(path, data)


def read_snapshot(path: Path) -> Snapshot | None:
    """
    Return a snapshot, None where there is none that is whole.

    Its directories are compared by their identity and the time of their last change, which no program can set. A
    directory that differs is marked as too recent to trust, so that it is read again.
    """
    try:
        digest, _, data = path.read_bytes().partition(b"\n")
        if hashlib.sha256(data).hexdigest().encode() != digest:
            return None
        head, *lines = data.decode().split("\n")
        found = json.loads(head)
        if (found["v"], found["rules"]) != (_FORMAT, _rules()):
            return None
        listings: dict[str, DirectoryListing] = {}
        places: dict[str, _Places] = {}
        start = 0
        for directory, count, mtime_ns, folders, proof in found["directories"]:
            groups = [line.split("\t") for line in lines[start : start + count]]
            start += count
            names = frozenset(filename for group in groups for filename in group[1:])
            listing = DirectoryListing(mtime_ns, racy=False, files=names, folders=tuple(folders))
            proven = proof == _proof(os.stat(directory))  # noqa: PTH116 - as above
            listings[directory] = listing if proven else replace(listing, racy=True)
            places[directory] = {group[0]: group[1:] for group in groups if group[0]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Snapshot(listings, places)


def _proof(status: os.stat_result) -> list[int]:
    """Return what changes with a directory, and can't be changed back."""
    return [status.st_dev, status.st_ino, status.st_ctime_ns]


def _rules() -> str:
    """Return what changes with the rules by which the project of a file is found."""
    return hashlib.sha256(Path(filenames.__file__).read_bytes()).hexdigest()
