"""Metadata of files and the state of releases, and reading the metadata of a file from its contents."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from publisher.errors import InvalidDistributionError
from publisher.limits import LAST_SECOND
from publisher.project.archives import Checkpoint, no_checkpoint
from publisher.project.distributions import read_distribution
from publisher.project.kinds import Kind
from publisher.server.store.spool import digest_file


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """
    Metadata that is expensive to read from a file, with the file's size and time when it was read.

    ``size`` is in bytes, ``mtime_ns`` in nanoseconds since 1970, digests in hexadecimal, ``uploaded`` a time of RFC
    3339 in UTC. ``metadata_sha256`` is that of a wheel's METADATA (PEP 658).
    """

    size: int
    mtime_ns: int
    sha256: str
    uploaded: str
    requires_python: str | None = None
    metadata_sha256: str | None = None
    uploader: str | None = None
    origin: Mapping[str, str] | None = None
    """The repository, commit and run that published it, where a job of one did."""


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """Yanked and deleted files of a project by name, with the reasons."""

    yanked: Mapping[str, str]
    deleted: Mapping[str, str]


def read_metadata(path: Path, filename: str, checkpoint: Checkpoint = no_checkpoint) -> FileMetadata:
    """
    Return the metadata of a file.

    A file that is not a distribution by today's rules is served as it is, without metadata. ``checkpoint`` is called
    now and then, and may raise to end the work.
    """
    status = path.stat()
    digest = digest_file(path, "sha256", checkpoint)
    uploaded = time_text(status.st_mtime_ns)
    found = FileMetadata(status.st_size, status.st_mtime_ns, digest, uploaded)
    try:
        distribution = read_distribution(path, filename, checkpoint)
    except InvalidDistributionError:
        return found
    wheel = distribution.kind is Kind.WHEEL
    metadata = hashlib.sha256(distribution.metadata).hexdigest() if wheel else None
    return replace(found, requires_python=distribution.requires_python, metadata_sha256=metadata)


class NewProject(NamedTuple):
    """The project that a file is to be the first of, and the account that maintains it from then on, if any."""

    maintainer: str | None = None


def now_text() -> str:
    """Return the time as the simple API writes it (PEP 700)."""
    return time_text(time.time_ns())


def time_text(nanoseconds: int) -> str:
    """
    Return a time in nanoseconds since 1970 as the simple API writes it (PEP 700), cut to microseconds.

    A file that was copied in may have a time after the year 9999; its last second is returned then.
    """
    seconds, rest = divmod(min(nanoseconds, LAST_SECOND * 10**9), 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
