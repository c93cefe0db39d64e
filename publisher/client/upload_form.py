"""The legacy upload form of a distribution, whose file is read and hashed once: while it is sent."""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from packaging.version import Version
from twine.package import PackageFile  # noqa: TID251 - the only door to twine
from urllib3.fields import RequestField  # noqa: TID251 - a door to urllib3

from publisher.project.distributions import Distribution, Kind

BLOCK = 2**18
"""Bytes that are read and hashed at a time; a file with more is hashed in a thread, while it is sent."""

PIECE = 2**16
"""Bytes that are sent at a time: few calls, and still sent within the connection's timeout on slow lines."""

_DIGEST_LENGTH = 64
_LICENSE_FILES_SINCE = Version("2.4")


class UploadForm:
    """
    A ``multipart/form-data`` body that yields its pieces, with the digest of the file behind the file.

    ``on_sent`` gets the number of bytes sent so far, and may raise to stop. After the last piece,
    `sha256` is the digest of the sent bytes. A piece holds until the next is taken, which has its memory.
    """

    def __init__(self, distribution: Distribution, on_sent: Callable[[int], None]) -> None:
        self.sha256 = ""
        self._path = distribution.path
        self._on_sent = on_sent
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        content = _head(boundary, "content", distribution.filename)
        fields = (_head(boundary, name) + value.encode() + b"\r\n" for name, value in form_fields(distribution))
        self._before = b"".join(fields) + content
        self._between = b"\r\n" + _head(boundary, "sha256_digest")
        self._after = f"\r\n--{boundary}--\r\n".encode()
        self._size = self._path.stat().st_size

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._between) + _DIGEST_LENGTH + len(self._after)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self._before
        digest = hashlib.sha256()
        sent = 0
        with self._path.open("rb") as file, ThreadPoolExecutor(1) as thread:
            memory = memoryview(bytearray(min(BLOCK, self._size + 1)))
            while length := file.readinto(memory):
                block = memory[:length]
                hashing = thread.submit(digest.update, block) if self._size > BLOCK else None
                for begin in range(0, length, PIECE):
                    piece = block[begin : begin + PIECE]
                    yield piece
                    sent += len(piece)
                    self._on_sent(sent)
                if hashing is not None:
                    hashing.result()
                else:
                    digest.update(block)
        self.sha256 = digest.hexdigest()
        yield self._between + self.sha256.encode() + self._after


def form_fields(distribution: Distribution) -> list[tuple[str, str]]:
    """Return the fields of the form before the file: the action and the core metadata."""
    fields = [(":action", "file_upload"), ("protocol_version", "1")]
    for name, value in _TwineFields(distribution).metadata_dictionary().items():
        fields += [(name, text) for text in _texts(name, value)]
    return fields


class _TwineFields(PackageFile):
    """The fields of twine's form for a distribution, except digests, which are known once the file was read."""

    def __init__(self, distribution: Distribution) -> None:  # the base class would read the file, twice
        fields = distribution.fields.copy()
        if Version(fields["metadata_version"]) < _LICENSE_FILES_SINCE:
            fields.pop("license_files", None)  # setuptools wrote it before it was defined; indexes may refuse it
        self.metadata = fields
        self.safe_name = fields["name"]
        self.filetype = distribution.kind.value
        self.python_version = "source" if distribution.kind is Kind.SDIST else distribution.filename.split("-")[-3]
        self.comment = None
        self.gpg_signature = None
        self.attestations = None
        self.sha2_digest = None
        self.blake2_256_digest = None


def _texts(name: str, value: Any) -> list[str]:
    """Return a field's value as the form writes it: several fields for a list, but one for the keywords."""
    match value:
        case dict():
            return [f"{label}, {url}" for label, url in value.items()]
        case list() | tuple():
            return [", ".join(value)] if name == "keywords" else list(value)
    return [str(value)]


def _head(boundary: str, name: str, filename: str | None = None) -> bytes:
    field = RequestField(name, b"", filename)
    field.make_multipart(content_type="application/octet-stream" if filename else None)
    return f"--{boundary}\r\n{field.render_headers()}".encode()
