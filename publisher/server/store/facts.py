"""Finding out what is to be known of a file by reading it."""

import hashlib
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from publisher.errors import InvalidDistributionError
from publisher.project.distributions import Kind, read_distribution
from publisher.server.store.records import Facts


def find_facts(path: Path, filename: str, uploader: str | None = None) -> Facts:
    """
    Find out what is to be known of a file by reading it.

    A file that is no distribution by today's rules is served as it is, without metadata.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    uploaded = time_text(status.st_mtime)
    facts = Facts(status.st_size, status.st_mtime_ns, digest, uploaded, uploader=uploader)
    try:
        distribution = read_distribution(path, filename)
    except InvalidDistributionError:
        return facts
    wheel = distribution.kind is Kind.WHEEL
    metadata = hashlib.sha256(distribution.metadata).hexdigest() if wheel else None
    return replace(facts, requires_python=distribution.requires_python, metadata_sha256=metadata)


def now_text() -> str:
    """Return the time as the simple API writes it (PEP 700)."""
    return time_text(time.time())


def time_text(seconds: float) -> str:
    """Return a time in seconds since 1970 as the simple API writes it (PEP 700)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
