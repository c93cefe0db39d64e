"""The legacy upload form of a distribution, whose file is hashed while it is sent."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from packaging.version import Version
from twine.package import PackageFile  # noqa: TID251 - the only door to twine

from publisher.errors import CheckFailedError
from publisher.project.distributions import Distribution
from publisher.project.kinds import Kind

SMALL = 2**18
"""Size up to which hashing a file takes less time than starting a thread for it."""

_BLOCK = 2**20
"""Bytes that are hashed at a time."""

PIECES = (2**16, 2**18)
"""Sizes of the pieces for a slow and for a fast line: large enough for few calls, small enough for the timeout."""

_QUICK = 0.02
"""Seconds in which a fast line takes a piece."""

_DIGEST_LENGTH = 64
_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
_LICENSE_FILES_SINCE = Version("2.4")


class UploadForm:
    """
    A ``multipart/form-data`` body that yields its pieces, with the digest of the file behind the file.

    ``on_sent`` gets the number of bytes sent so far, and may raise to stop. After the last piece,
    `sha256` is the digest of the file. A piece is valid only until the next one: both share a buffer.

    Raises CheckFailedError before the end of the form if the size of the file changes.
    """

    def __init__(self, distribution: Distribution, on_sent: Callable[[int], None]) -> None:
        self.sha256 = ""
        self._path = distribution.path
        self._filename = distribution.filename
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
        if self._size <= PIECES[0]:
            yield self._whole()
            return
        yield self._before
        with _hashing(self._path, self._size) as sha256:
            yield from self._pieces()
            self.sha256 = sha256()
        yield self._between + self.sha256.encode() + self._after

    def _whole(self) -> bytes:
        """Return the body around a small file; ``on_sent`` is called before it can be complete."""
        content = self._path.read_bytes()
        self._require_size(len(content))
        self._on_sent(len(content))
        self.sha256 = hashlib.sha256(content).hexdigest()
        return b"".join((self._before, content, self._between, self.sha256.encode(), self._after))

    def _pieces(self) -> Iterator[memoryview]:
        sent = 0
        size, longest = PIECES
        memory = memoryview(bytearray(min(longest, self._size + 1)))
        with self._path.open("rb", buffering=0) as file:
            while length := file.readinto(memory[: min(size, self._size - sent)]):
                began = time.monotonic()
                yield memory[:length]
                size = longest if time.monotonic() - began < _QUICK else PIECES[0]
                sent += length
                self._on_sent(sent)
        self._require_size(sent)
        self._require_size(self._path.stat().st_size)

    def _require_size(self, size: int) -> None:
        if size != self._size:
            raise CheckFailedError(
                f"{self._filename} changed during the upload; the index has not stored it.",
                hint="Wait until no program writes to the file, and run the same command again.",
            )


@contextmanager
def _hashing(path: Path, size: int) -> Iterator[Callable[[], str]]:
    """
    Yield a function that returns the digest of a file, which a thread computes meanwhile.

    The thread reads the file itself: handing it the blocks that are sent takes more time than reading them again from
    memory. If the file changes meanwhile, digest and contents differ, and the index refuses them.
    """
    if size <= SMALL:
        yield lambda: hashlib.sha256(path.read_bytes()).hexdigest()
        return
    is_over: Future[None] = Future()
    with ThreadPoolExecutor(1) as thread:
        digest = thread.submit(_sha256, path, is_over.done)
        try:
            yield digest.result
        finally:
            is_over.cancel()


def _sha256(path: Path, is_over: Callable[[], bool]) -> str:
    """Return the digest of a file; of a part of it when that is no longer wanted."""
    digest = hashlib.sha256()
    memory = memoryview(bytearray(_BLOCK))
    with path.open("rb", buffering=0) as file:
        while (length := file.readinto(memory)) and not is_over():
            digest.update(memory[:length])
    return digest.hexdigest()


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
    """Return the header of a field, quoted as HTML defines it for "multipart/form-data"."""
    file = f'; filename="{filename.translate(_QUOTED)}"\r\nContent-Type: application/octet-stream' if filename else ""
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
