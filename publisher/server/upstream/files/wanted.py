"""A file that is wanted from upstream, its announcement, and the checks of its bytes."""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from publisher.server.names.filenames import METADATA_SUFFIX
from publisher.server.settings import UpstreamSource
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError, WrongContentError

if TYPE_CHECKING:
    from publisher.server.upstream.client import FileReply

OnStored = Callable[["Wanted", str], None]
"""Is called in a thread with the stored file and its SHA-256 digest."""

_MAGIC = {
    **dict.fromkeys((".whl", ".zip", ".egg"), b"PK"),
    **dict.fromkeys((".gz", ".tgz"), b"\x1f\x8b"),
    ".bz2": b"BZh",
    ".xz": b"\xfd7zXZ",
}
_HEADER = re.compile(rb"^Metadata-Version:", re.IGNORECASE | re.MULTILINE)


class Wanted(NamedTuple):
    """The source of a file, its key in the store, its page's announcement, and the most bytes that are accepted."""

    source: UpstreamSource
    url: str
    filename: str
    key: str
    hashes: Mapping[str, str]
    size: int | None
    limit: int

    def length_in(self, reply: "FileReply") -> int | None:
        """Return the number of bytes that will come, None where upstream does not say; raises UpstreamError."""
        if reply.status == 404:
            raise NotUpstreamError(f"Upstream has no file {self.filename}.")
        if reply.status != 200:
            raise UpstreamUnavailableError(f"Upstream answered {reply.status} for {self.filename}.")
        if self.size is not None and reply.length is not None and reply.length != self.size:
            raise WrongContentError(
                f"Upstream's {self.filename} has {reply.length} bytes; its page announces {self.size}."
            )
        length = self.size if self.size is not None else reply.length
        if length is not None and length > self.limit:
            raise UpstreamUnavailableError(f"{self.filename} is larger than the {self.limit} bytes passed on here.")
        return length

    def check_first(self, first: bytes) -> None:
        """Raise WrongContentError if an archive begins wrongly, or a file without a digest begins like a web page."""
        magic = _MAGIC.get(os.path.splitext(self.filename)[1].lower(), b"")  # noqa: PTH122 - a name, not a path
        if not first.startswith(magic[: len(first)]):
            raise WrongContentError(f"Upstream's {self.filename} is not an archive.")
        if not self.hashes and first.lstrip()[:1] == b"<":
            raise WrongContentError(f"Upstream sent a web page for {self.filename}.")

    def check_metadata(self, body: bytes) -> None:
        """Raise WrongContentError if metadata without a digest is something else, such as a sign-in page."""
        if not self.hashes and self.filename.endswith(METADATA_SUFFIX) and not _HEADER.search(body):
            raise WrongContentError(f"Upstream's {self.filename} is not the metadata of a package.")

    def may_be_kept(self, reply: "FileReply") -> bool:
        """Return whether a truncated answer would be detected; others must not be stored."""
        return bool(self.hashes) or self.size is not None or reply.has_end

    def check_received(self, received: int, length: int | None) -> None:
        """Raise WrongContentError for more bytes than there should be."""
        if received > self.limit or (length is not None and received > length):
            raise WrongContentError("Upstream sends more bytes than its page announces.")

    def digests(self) -> dict[str, Any]:
        """Return hash objects for all announced digests, and always for SHA-256."""
        return {name: hashlib.new(name, usedforsecurity=False) for name in {*self.hashes, "sha256"}}

    def verify(self, written: int, length: int | None, digests: Mapping[str, Any]) -> None:
        """Raise an UpstreamError unless all bytes came and every digest is right."""
        if length is not None and written != length:
            raise UpstreamUnavailableError(f"Upstream sent {written} of {length} bytes.")
        for name, digest in digests.items():
            if name in self.hashes and digest.hexdigest() != self.hashes[name]:
                raise WrongContentError(f"Upstream's {self.filename} has another {name} than its page announces.")
