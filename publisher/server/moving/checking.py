"""Checking a store: every file that is listed is there and complete, and has the digest of its record."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from publisher.server.moving.buckets import BucketSource
from publisher.server.moving.folders import FolderPackages
from publisher.server.moving.portable import PackageSource, PortableProject
from publisher.server.storage.bucket.identity import KEY, UNFINISHED
from publisher.server.storage.bucket.opening import CREDENTIALS
from publisher.server.storage.errors import StorageError
from publisher.server.storage.folder import DOT_FOLDER
from publisher.server.store.bucket.leftovers import STATE, Leftovers
from publisher.server.store.bucket.record import UPLOADS
from publisher.server.store.bucket.records import FOLDER, project_of
from publisher.server.store.spool import digest_file

OURS = {KEY, UNFINISHED, STATE, CREDENTIALS, UPLOADS, FOLDER, DOT_FOLDER, "leases", "once"}
"""The folders of an index directly below its prefix."""


@dataclass
class CheckResult:
    """The number of checked files, the problems, the objects without a record, and foreign objects."""

    projects: int = 0
    files: int = 0
    problems: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def check_folder(source: FolderPackages, *, read_files: bool) -> CheckResult:
    """Check a package folder, and rebuild its missing records."""
    result = CheckResult()
    for project in _projects(source, result):
        if read_files:
            result.problems += _wrong_digests(source, project)
    return result


def check_bucket(source: BucketSource, *, read_files: bool, remove_unlisted: bool) -> CheckResult:
    """
    Check the index in a bucket; remove the uploads that no record has listed for a day, where that is asked for.

    After a restore, the removal only ends the pause in cleaning, and the day begins again.
    """
    result = CheckResult()
    leftovers = source.leftovers()
    for project in _projects(source, result):
        record = leftovers.record(project.name)  # first: an upload may add a file meanwhile
        there = dict(source.objects.walk(f"{UPLOADS}/{project.name}"))
        for filename in record.files:
            stat = there.get(record.key(filename))
            if stat is None:
                result.problems.append(f"{filename} is missing")
            elif stat.size != record.metadata(filename).size:
                result.problems.append(f"{filename} has {stat.size} bytes, not {record.metadata(filename).size}")
        if read_files:
            result.problems += _wrong_digests(source, project)
    if remove_unlisted:
        result.removed = source.remove_leftovers()
    result.foreign = [name for name in _flat(source.objects.names("")) if name not in OURS]
    result.foreign += [key for key, _ in source.objects.walk(FOLDER) if project_of(key) is None]
    result.foreign += [f"{UPLOADS}/{name}" for name in source.objects.names(UPLOADS)[1]]
    for name in leftovers.projects():
        _sort_unlisted(name, leftovers, source, result)
    return result


def _sort_unlisted(name: str, leftovers: Leftovers, source: BucketSource, result: CheckResult) -> None:
    """Distinguish uploads that no project's record lists from objects that the index has not written."""
    try:
        listed = set(leftovers.record(name).keys())
    except StorageError:
        return  # it is among the problems; nothing is known of its files
    for key, _ in source.objects.walk(f"{UPLOADS}/{name}"):
        if key not in listed:
            (result.unlisted if leftovers.is_upload(key) else result.foreign).append(key)


def _projects(source: PackageSource, result: CheckResult) -> Iterator[PortableProject]:
    """Yield every project that can be read; the others are problems."""
    for name in source.names():
        try:
            project = source.project(name)
        except StorageError as error:
            result.problems.append(error.message)
            continue
        result.projects += 1
        result.files += len(project.files)
        yield project


def _wrong_digests(source: PackageSource, project: PortableProject) -> Iterator[str]:
    for file in project.files:
        with TemporaryDirectory(prefix="pypi-publish-check-") as folder:
            path = Path(folder, file.filename)
            try:
                source.fetch(project, file, path)
            except (StorageError, LookupError, OSError) as error:
                yield f"{file.filename} can't be read: {error}"
                continue
            digest = digest_file(path, "sha256")
            if digest != file.metadata.sha256:
                yield f"{file.filename} has the sha256 {digest}, not {file.metadata.sha256}"


def _flat(names: tuple[list[str], list[str]]) -> list[str]:
    return sorted({*names[0], *names[1]})
