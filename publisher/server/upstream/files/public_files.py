"""Public files and their metadata: found through the page that lists them, from the cache or from upstream."""

import hashlib
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from publisher.server.names.filenames import METADATA_SUFFIX, guess
from publisher.server.settings import UpstreamSource
from publisher.server.upstream.context import UpstreamContext
from publisher.server.upstream.errors import NotUpstreamError, UpstreamUnavailableError
from publisher.server.upstream.files.blobs import BlobStore
from publisher.server.upstream.files.downloads import Download, Downloads
from publisher.server.upstream.files.flights import Flights
from publisher.server.upstream.files.small import SmallFiles
from publisher.server.upstream.files.wanted import Wanted
from publisher.server.upstream.pages.learned import LearnedFacts
from publisher.server.upstream.pages.listing import ListedFile


class StoredPublicFile(NamedTuple):
    """A public file in the cache; its bytes were verified when they were stored."""

    path: Path
    key: str


class PublicFiles:
    """Files and metadata of listed files; callers make sure that they may be passed on."""

    def __init__(self, context: UpstreamContext, blobs: BlobStore, learned: LearnedFacts) -> None:
        self._context = context
        self._limits = context.limits
        self._blobs = blobs
        self._learned = learned
        flights = Flights(context)
        self._small = SmallFiles(context, blobs, flights, self._learn)
        self._downloads = Downloads(context, blobs, flights, self._learn)

    def stored(self, file: ListedFile) -> StoredPublicFile | None:
        """Return a file that is in the cache; one whose size is not the announced one is dropped."""
        key = key_of(file)
        path = self._blobs.path(key)
        try:
            size = path.stat().st_size
        except OSError:
            return None
        if file.size is not None and size != file.size:
            with suppress(OSError):
                self._blobs.remove(key)
            return None
        self._blobs.mark(key)
        return StoredPublicFile(path, key)

    async def get(self, file: ListedFile, source: UpstreamSource) -> StoredPublicFile | bytes | Download:
        """
        Return a file from the cache, the bytes of a small one, or a download with the caller as a reader.

        Raises UpstreamError.
        """
        stored = self.stored(file)
        if stored is not None:
            return stored
        wanted = self._wanted(file, source)
        if file.size is not None and file.size <= self._limits.small_file:
            return await self._small.get(wanted)
        return await self._downloads.get(wanted)

    async def fetch(self, file: ListedFile, source: UpstreamSource) -> str:
        """Have a file in the cache, and return its key; raises UpstreamError."""
        found = await self.get(file, source)
        if isinstance(found, Download):
            await self._wait_for(found)
        return key_of(file)

    def leave(self, download: Download) -> None:
        """Give up a reader's place in a download."""
        self._downloads.leave(download)

    async def stop(self) -> None:
        """End requests, and store complete files."""
        await self._small.stop()
        await self._downloads.stop()

    async def metadata(self, file: ListedFile, source: UpstreamSource) -> bytes:
        """
        Return the metadata of a wheel, whole and verified.

        Raises NotUpstreamError when upstream has none although its page says so, and no wheel here has it.
        """
        if file.metadata is None:
            raise NotUpstreamError(f"{file.filename} has no metadata file.")
        wanted = self._wanted_metadata(file, source)
        if self._blobs.has(wanted.key):
            with suppress(OSError):
                body = await self._context.in_thread(self._blobs.path(wanted.key).read_bytes)
                self._blobs.mark(wanted.key)
                return body
        try:
            return await self._small.get(wanted)
        except NotUpstreamError:
            wheel = self.stored(file)
            if wheel is None:
                raise
            return await self._context.in_thread(lambda: metadata_in(wheel.path))

    def expect_metadata(self, file: ListedFile, source: UpstreamSource) -> None:
        """Ask for the metadata of a wheel before a client does."""
        wanted = self._wanted_metadata(file, source)
        if not self._blobs.has(wanted.key):
            self._small.expect(wanted)

    def keys(self, file: ListedFile) -> set[str]:
        """Return the keys of a file and of its metadata."""
        found = {key_of(file)}
        if file.metadata is not None:
            found.add(_metadata_key(file))
        return found

    def _wanted(self, file: ListedFile, source: UpstreamSource) -> Wanted:
        hashes = file.hashes
        if not hashes and (learned := self._learned.digest(file.url)):
            hashes = {"sha256": learned}
        return Wanted(source, file.url, file.filename, key_of(file), hashes, file.size, self._limits.file_size)

    def _learn(self, wanted: Wanted, sha256: str) -> None:
        """Note the digest of a stored file that upstream lists without one; raises OSError."""
        guessed = guess(wanted.filename)
        if guessed is not None and not wanted.hashes:
            self._learned.note_digest(guessed.project, wanted.url, sha256)

    def _wanted_metadata(self, file: ListedFile, source: UpstreamSource) -> Wanted:
        return Wanted(
            source,
            file.url + METADATA_SUFFIX,
            file.filename + METADATA_SUFFIX,
            _metadata_key(file),
            file.metadata or {},
            None,
            self._limits.metadata_size,
        )

    async def _wait_for(self, download: Download) -> None:
        """Wait for the end of a download; raises its UpstreamError."""
        offset = 0
        try:
            while chunk := await download.read(offset, None):
                offset += len(chunk)
            if download.error is not None:
                raise download.error
        finally:
            self._downloads.leave(download)


def key_of(file: ListedFile) -> str:
    """Return the key of a file in the cache: its SHA-256, or one made of its URL where the page has no digest."""
    sha256 = file.key
    if sha256 is not None and len(sha256) == 64 and not set(sha256) - set("0123456789abcdef"):
        return sha256
    return f"url-{hashlib.sha256(file.url.encode()).hexdigest()}"


def metadata_in(wheel: Path) -> bytes:
    """Return a wheel's METADATA; raises NotUpstreamError and UpstreamUnavailableError."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                folder, _, rest = name.partition("/")
                if folder.endswith(".dist-info") and rest == "METADATA":
                    return archive.read(name)
    except (zipfile.BadZipFile, RuntimeError, ValueError):
        raise NotUpstreamError("The wheel has no metadata that can be read.") from None
    except OSError as error:
        raise UpstreamUnavailableError(f"The cache can't be read: {error.strerror or error}.") from error
    raise NotUpstreamError("The wheel has no metadata.")


def _metadata_key(file: ListedFile) -> str:
    sha256 = (file.metadata or {}).get("sha256", "")
    if len(sha256) == 64 and not set(sha256) - set("0123456789abcdef"):
        return sha256
    return f"meta-{hashlib.sha256(file.url.encode()).hexdigest()}"
