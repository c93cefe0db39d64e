"""Uploads whose parts go to the bucket while they come in, under a name of their own that no record lists yet."""

import logging
import threading
import uuid

from publisher.server.storage.bucket.objects import PART, Objects, PartWriter
from publisher.server.storage.errors import StorageError
from publisher.server.store.bucket.record import upload_key

ATTRIBUTES = {"Content-Type": "application/octet-stream", "Cache-Control": "private, max-age=365000000, immutable"}
"""Headers that the store sends with a file that is fetched from there: its bytes never change."""

STREAMED = 4
"""Uploads that are sent while they come in; others are sent when they have arrived, so that memory is bounded."""

_log = logging.getLogger(__name__)


class IncomingParts:
    """
    The parts of one upload, an object once they are complete; its methods block, and belong to one thread at a time.

    Parts that can't be stored are given up: the upload goes on, and is sent once more when it has arrived.
    """

    def __init__(self, upload: str, writer: PartWriter, places: threading.Semaphore) -> None:
        self.upload = upload
        self._writer: PartWriter | None = writer
        self._places = places

    def write(self, block: memoryview) -> None:
        """Take the next bytes; wait while too many parts are on their way."""
        if self._writer is None:
            return
        try:
            self._writer.write(bytes(block))  # a copy, as the block is used again while the part is on its way
        except StorageError:
            self.discard()

    def complete(self) -> bool:
        """Make an object of the parts; return False where the file has to be sent once more."""
        writer = self._take()
        if writer is None:
            return False
        try:
            writer.complete()
        except StorageError:
            return False
        finally:
            self._places.release()
        return True

    def discard(self) -> None:
        """Remove the parts, unless they are complete; the store removes by itself what can't be removed now."""
        writer = self._take()
        if writer is None:
            return
        try:
            writer.abort()
        except StorageError as error:
            _log.warning("parts of an upload stay until the store removes them: %s", error)
        finally:
            self._places.release()

    def _take(self) -> PartWriter | None:
        writer, self._writer = self._writer, None
        return writer


class IncomingUploads:
    """Begins uploads, and bounds the memory of uploads that are sent to the store while they arrive."""

    def __init__(self, objects: Objects, identifier: str) -> None:
        self._objects = objects
        self._identifier = identifier
        self._places = threading.Semaphore(STREAMED)

    def new(self) -> str:
        """Return an upload's identifier: this index's, and no other upload's."""
        return f"{self._identifier[:12]}-{uuid.uuid4().hex}"

    def begin(self, project: str, filename: str) -> IncomingParts | None:
        """Return where the bytes of an upload go, None where there are too many already."""
        if not self._places.acquire(blocking=False):
            return None
        upload = self.new()
        writer = self._objects.open_parts(upload_key(project, upload, filename), ATTRIBUTES)
        return IncomingParts(upload, writer, self._places)


def is_large(size: int | None) -> bool:
    """Return whether a file of so many bytes, or an unknown number of them, has several parts."""
    return size is None or size > PART
