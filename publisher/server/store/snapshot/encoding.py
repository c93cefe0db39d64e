"""The file of a snapshot: names of files by directory and project, proven before they are used."""

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from publisher.files.atomic import replace_file
from publisher.server.names import filenames
from publisher.server.storage.json_text import parse_json
from publisher.server.store.projects import Project
from publisher.server.store.scan import DirectoryListing, Listings

_FORMAT = 1
_Places = Mapping[str, Sequence[str]]


class Snapshot(NamedTuple):
    """The listings of directories, and for each of them the names of its files by project."""

    listings: Listings
    places: Mapping[str, _Places]


class _Section:
    """The lines of one directory, one for each project; encoded at once, because texts would leave holes in memory."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.lines = 0
        self.files = 0
        self.is_plain = True
        """Whether no name has a character that separates names."""

    def add(self, project: str, names: Sequence[str]) -> None:
        """Add the files of a project, or of none."""
        line = "\t".join([project, *names])
        self.is_plain = self.is_plain and "\n" not in line and line.count("\t") == len(names)
        self.text += b"\n" + line.encode()
        self.lines += 1
        self.files += len(names)


def encode_snapshot(listings: Listings, projects: Sequence[Project]) -> bytes | None:
    """Return a snapshot as it is written; None for names that it can't hold."""
    sections = {path: _Section() for path in listings}
    for project in projects:
        here: dict[str, list[str]] = {}
        for filename, directory in list(project.places.items()):
            if directory in listings and filename in listings[directory].files:
                here.setdefault(directory, []).append(filename)
        for directory, names in here.items():
            sections[directory].add(project.name, names)
    for path, others in _unplaced(listings, sections, projects).items():
        sections[path].add("", sorted(others))
    directories = []
    for path, listing in listings.items():
        status = os.stat(path)  # noqa: PTH116 - beside the one of the scan
        if listing.racy or status.st_mtime_ns != listing.mtime_ns or not sections[path].is_plain:
            return None
        directories.append([path, sections[path].lines, listing.mtime_ns, list(listing.folders), _proof(status)])
    head = json.dumps({"v": _FORMAT, "rules": _rules(), "directories": directories})
    data = b"".join([head.encode(), *(section.text for section in sections.values())])
    return hashlib.sha256(data).hexdigest().encode() + b"\n" + data


def _unplaced(
    listings: Listings, sections: Mapping[str, _Section], projects: Sequence[Project]
) -> Mapping[str, set[str]]:
    """Return the files that belong to no project, by directory."""
    rest = {path: set(each.files) for path, each in listings.items() if sections[path].files < len(each.files)}
    for project in projects if rest else ():
        for filename, directory in list(project.places.items()):
            if directory in rest:
                rest[directory].discard(filename)
    return rest


def write_snapshot(path: Path, data: bytes) -> None:
    """Write a snapshot; one that is lost or torn costs a start its short cut, and nothing else."""
    with suppress(OSError):
        replace_file(path, data)


def read_snapshot(path: Path) -> Snapshot | None:
    """
    Return a complete snapshot, or None.

    Its directories are compared by their identity and the time of their last change, which no program can set. A
    directory that differs is marked as too recent to trust, so that it is read again.
    """
    try:
        digest, _, data = path.read_bytes().partition(b"\n")
        if hashlib.sha256(data).hexdigest().encode() != digest:
            return None
        lines = (line.removesuffix(b"\n").decode() for line in io.BytesIO(data))  # one at a time, in the same memory
        found = parse_json(next(lines, ""))
        if (found["v"], found["rules"]) != (_FORMAT, _rules()):
            return None
        listings: dict[str, DirectoryListing] = {}
        places: dict[str, _Places] = {}
        for directory, count, mtime_ns, folders, proof in found["directories"]:
            groups = [line.split("\t") for line in islice(lines, count)]
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
