"""The index's own files, and the metadata of its wheels (PEP 658)."""

import errno
import hashlib
import os
from email.utils import formatdate
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from publisher.errors import InvalidDistributionError
from publisher.limits import Limits
from publisher.server.http.inspecting import inspect
from publisher.server.http.memory import Memory
from publisher.server.http.messages import Headers, HttpError, Request, Response
from publisher.server.names.filenames import METADATA_SUFFIX
from publisher.server.routes.quick.repeats import Remembered
from publisher.server.routes.sending import IMMUTABLE, CopiedFile, LargeFile, content_type, open_file, ranged
from publisher.server.storage.base import Storage
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.localcopies import LocalCopies, Stamp, stamp_of
from publisher.server.store.catalog import Catalog
from publisher.server.work.inspection import Checkpoint, InspectionPool
from publisher.server.work.reading import read_wheel_metadata

_UNREADABLE = {errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO}
"""Failures that are one file's own, which is on no page then."""


class _Kept(NamedTuple):
    """A small file in memory, with the stamp of the file on the disk."""

    stamp: Stamp
    response: Response


class FileRoutes:
    """Answers requests below ``/packages/`` for the files that the store lists, and for nothing else."""

    def __init__(self, limits: Limits, catalog: Catalog, storage: Storage, inspection: InspectionPool) -> None:
        self._limits = limits
        self._catalog = catalog
        self._storage = storage
        self._inspection = inspection
        self._copies = LocalCopies(storage, catalog.in_thread)
        self._kept: Memory[str, _Kept] = Memory(limits.file_memory, lambda kept: len(kept.response.body))

    async def answer(self, request: Request, url_path: str) -> Response | LargeFile | CopiedFile:
        """Return a file, a part of it, or the metadata of a wheel; HttpError 404 where the index has no such file."""
        known = await self._find(url_path)
        if known is not None:
            return await self._file(request, known, url_path)
        wheel = url_path.removesuffix(METADATA_SUFFIX)
        if wheel != url_path and wheel.endswith(".whl"):
            known = await self._find(wheel)
            if known is not None:
                return await self._metadata(request, known, url_path)
        if self._catalog.unavailable_reason is not None:
            raise StorageUnavailableError
        raise HttpError(404, f"This index has no file {url_path}.")

    def from_memory(self, request: Request, url_path: str) -> Remembered | None:
        """Return an answer that is in memory and still right; None when anything has to be waited for."""
        kept = self._kept.get(url_path)
        if kept is None or not self._is_unchanged(url_path, kept.stamp):
            return None
        return Remembered(ranged(request, kept.response), partial(self._is_unchanged, url_path, kept.stamp))

    def _is_unchanged(self, url_path: str, stamp: Stamp) -> bool:
        """Return whether the file of a URL path is listed, and still the one that has the stamp."""
        if not self._catalog.is_current() or self._storage.reading_paused:
            return False
        path = self._catalog.path_of(url_path)
        try:
            return path is not None and stamp == stamp_of(os.stat(path))  # noqa: PTH116 - the hot path
        except OSError:
            return False

    async def _find(self, url_path: str) -> str | None:
        """Return the path of a file; an unknown one is looked for in the folder and, where there is one, beyond."""
        if url_path.endswith(METADATA_SUFFIX):
            await self._catalog.refresh()
            return self._catalog.path_of(url_path)
        return await self._catalog.find_path(url_path)

    async def _file(self, request: Request, path: str, url_path: str) -> Response | LargeFile | CopiedFile:
        remembered = self.from_memory(request, url_path)
        if remembered is not None:
            return remembered.response
        try:
            return await self._read(request, path, url_path)
        except FileNotFoundError:
            await self._catalog.rescan()
            if self._catalog.unavailable_reason is None and self._catalog.path_of(url_path) is None:
                raise HttpError(404, f"This index has no file {url_path}.") from None
            raise StorageUnavailableError from None
        except OSError as error:
            if error.errno in _UNREADABLE:
                raise HttpError(404, f"This index has no file {url_path}.") from error
            raise StorageUnavailableError from error

    async def _read(self, request: Request, path: str, url_path: str) -> Response | LargeFile | CopiedFile:
        async with self._storage.reading():
            file, status, body = await self._catalog.in_thread(lambda: open_file(path))
            if not S_ISREG(status.st_mode):
                raise HttpError(404, f"This index has no file {url_path}.")
            headers = _headers(url_path, status)
            if not file.closed:
                if self._storage.shared:
                    file.close()
                    return CopiedFile(self._copies, path, stamp_of(status), headers, self._catalog.in_thread)
                return LargeFile(file, status.st_size, headers, self._catalog.in_thread)
            response = Response(200, body, headers)
            self._kept.keep(url_path, _Kept(stamp_of(status), response))
        return ranged(request, response)

    async def _metadata(self, request: Request, path: str, url_path: str) -> Response:
        kept = self._kept.get(url_path)
        async with self._storage.reading():
            try:
                status = os.stat(path)  # noqa: PTH116
                if kept is None or kept.stamp != stamp_of(status):
                    text = await inspect(self._inspection, request, partial(self._read_metadata, Path(path)))
                    body = text.encode("latin-1")
                    etag = f'"{hashlib.sha256(body).hexdigest()}"'.encode()
                    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"etag", etag), *IMMUTABLE]
                    kept = _Kept(stamp_of(status), Response(200, body, headers))
                    self._kept.keep(url_path, kept)
            except InvalidDistributionError:
                raise HttpError(
                    404, f"The wheel {url_path.removesuffix(METADATA_SUFFIX)} has no metadata that can be read."
                ) from None
            except OSError as error:
                raise StorageUnavailableError from error
        return ranged(request, kept.response)

    def _read_metadata(self, path: Path, checkpoint: Checkpoint) -> str:
        return self._inspection.helpers.read(read_wheel_metadata, path, checkpoint=checkpoint)


def _headers(name: str, status: os.stat_result) -> Headers:
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'.encode()
    modified = formatdate(status.st_mtime, usegmt=True).encode()
    return [(b"content-type", content_type(name)), (b"etag", etag), (b"last-modified", modified), *IMMUTABLE]
