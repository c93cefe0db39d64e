"""The plan of a run: which files to upload, after comparing all of them with the index."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from publisher.errors import ConflictError
from publisher.project.distributions import Distribution
from publisher.project.kinds import Kind
from publisher.publish.prefetch import IndexPrefetch
from publisher.publish.report import State

if TYPE_CHECKING:
    from publisher.client.models import RemoteFile
    from publisher.client.url import IndexUrl

CONFLICT_HINT = (
    "A published file never changes: raise the version and publish that. If the contents are the same and only the "
    "build differs (not every backend builds the same bytes twice), --skip-existing keeps the index's file."
)

RESERVED_HINT = "The index does not list this file, but its name stays reserved: raise the version and publish that."
"""The remedy for a name that the index refuses without showing a file, such as the name of a deleted one."""


class Upload:
    """A distribution to upload; its SHA-256 digest, in hexadecimal, is computed when it is first needed."""

    def __init__(self, distribution: Distribution) -> None:
        self.distribution = distribution
        self.size = distribution.size
        self._sha256: str | None = None

    @property
    def sha256(self) -> str:
        """The digest of the file, or of the bytes that were sent of it."""
        if self._sha256 is None:
            self._sha256 = self.digest("sha256")
        return self._sha256

    def digest(self, algorithm: str) -> str:
        """Return the file's digest by an algorithm of `hashlib`."""
        with self.distribution.path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()

    def set_sent_sha256(self, sha256: str) -> None:
        """Set the digest that was computed while the file was sent."""
        self._sha256 = sha256


class Plan(NamedTuple):
    """The files of a run in the order of their upload, each with its state by name."""

    uploads: Sequence[Upload]
    states: Mapping[str, State]

    @property
    def to_send(self) -> list[Upload]:
        """The files that the index lacks."""
        return [each for each in self.uploads if self.states[each.distribution.filename] is State.WOULD_UPLOAD]


def make_plan(
    distributions: Sequence[Distribution], prefetch: IndexPrefetch, url: "IndexUrl", *, skip_existing: bool
) -> Plan:
    """
    Compare files with those of the index, to which ``prefetch`` is connected.

    Raises ConflictError, naming all of them, when the index has files of these names with other contents.
    """
    uploads = [Upload(each) for each in sorted(distributions, key=_upload_order)]
    states: dict[str, State] = {}
    conflicts: list[str] = []
    for upload in uploads:
        filename = upload.distribution.filename
        existing = prefetch.files(upload.distribution.name).get(filename)
        if existing is None:
            states[filename] = State.WOULD_UPLOAD
        elif has_same_contents(upload, existing):
            states[filename] = State.ALREADY_THERE
        elif skip_existing:
            states[filename] = State.SKIPPED
        else:
            conflicts.append(_describe_conflict(upload, existing, url))
    if conflicts:
        raise ConflictError("\n".join([*conflicts, "Nothing was published."]), hint=CONFLICT_HINT)
    return Plan(uploads, states)


def has_same_contents(upload: Upload, existing: "RemoteFile") -> bool:
    """Return whether a file of the index has the bytes of a local one, by the best digest that the index gives."""
    if "sha256" in existing.hashes:
        return existing.hashes["sha256"] == upload.sha256
    for algorithm, digest in existing.hashes.items():
        if algorithm in hashlib.algorithms_available:
            return upload.digest(algorithm) == digest
    return False


def _upload_order(distribution: Distribution) -> tuple[bool, str]:
    return distribution.kind is Kind.SDIST, distribution.filename


def _describe_conflict(upload: Upload, existing: "RemoteFile", url: "IndexUrl") -> str:
    there = existing.hashes.get("sha256")
    digests = f" (sha256 {there[:12]}… there, {upload.sha256[:12]}… here)" if there else ""
    return f"{upload.distribution.filename}: PP601 {url} has a file of that name with other contents{digests}."
