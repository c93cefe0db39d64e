"""Sending the bytes of the index's files: whole or in ranges (RFC 9110, 14), and the metadata of wheels (PEP 658)."""

import hashlib
import io
import os
import re
import zipfile
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from stat import S_ISREG

from publisher.server.http.messages import ZERO_COPY, Headers, HttpError, Request, Response, Send
from publisher.server.names.filenames import SIGNATURE
from publisher.server.settings import Limits
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.sync import VolumeSync
from publisher.server.storage.tempcopy import copy_of
from publisher.server.store.catalog import Catalog

METADATA_SUFFIX = ".metadata"

SMALL = 2**20
"""Bytes up to which a file is read whole, and kept in memory for the next time."""

CHUNK = 2**18

_RANGE = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")
_IMMUTABLE: Headers = [
    (b"cache-control", b"private, max-age=365000000, immutable"),
    (b"accept-ranges", b"bytes"),
    (b"x-content-type-options", b"nosniff"),
]
_TYPES = {".whl": b"application/zip", ".zip": b"application/zip", ".egg": b"application/zip", SIGNATURE: b"text/plain"}
_OTHER_TYPE = b"application/octet-stream"
_GZIP_TYPE = b"application/gzip"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A small file in memory, with what tells whether it is still the file on the disk."""

    stamp: tuple[int, int, int]
    response: Response


class FileRoutes:
    """Answers requests below ``/packages/`` for the files that the store lists, and for nothing else."""

    def __init__(self, limits: Limits, catalog: Catalog, sync: VolumeSync) -> None:
        self._limits = limits
        self._catalog = catalog
        self._sync = sync
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._kept_size = 0

    async def answer(self, request: Request, url_path: str) -> "Response | LargeFile":
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

    def from_memory(self, request: Request, url_path: str) -> Response | None:
        """Return an answer that is in memory and still right; None when anything has to be waited for."""
        kept = self._kept.get(url_path)
        if kept is None or not self._catalog.is_current() or self._sync.reloading:
            return None
        path = self._catalog.path_of(url_path)
        try:
            if path is None or kept.stamp != _stamp(os.stat(path)):  # noqa: PTH116 - the hot path
                return None
        except OSError:
            return None
        return _ranged(request, kept.response)

    async def _find(self, url_path: str) -> str | None:
        """Return the path of a file; an unknown one is looked for in the folder and, where there is one, beyond."""
        if url_path.endswith(METADATA_SUFFIX):
            await self._catalog.refresh()
            return self._catalog.path_of(url_path)
        return await self._catalog.find_path(url_path)

    async def _file(self, request: Request, path: str, url_path: str) -> "Response | LargeFile":
        remembered = self.from_memory(request, url_path)
        if remembered is not None:
            return remembered
        async with self._sync.reading():
            try:
                file = await self._catalog.in_thread(lambda: _open(path))
            except FileNotFoundError:
                await self._catalog.rescan()
                if self._catalog.unavailable_reason is None and self._catalog.path_of(url_path) is None:
                    raise HttpError(404, f"This index has no file {url_path}.") from None
                raise StorageUnavailableError from None
            except OSError as error:
                raise StorageUnavailableError from error
            status = os.fstat(file.fileno())
            if not S_ISREG(status.st_mode):
                file.close()
                raise HttpError(404, f"This index has no file {url_path}.")
            headers = _headers(url_path, status)
            if status.st_size > SMALL:
                if self._sync.shared:
                    with file:
                        file = await self._catalog.in_thread(partial(copy_of, file))
                return LargeFile(file, status.st_size, headers, self._catalog)
            with file:
                response = Response(200, await self._catalog.in_thread(file.readall), headers)
            self._keep(url_path, _Kept(_stamp(status), response))
        return _ranged(request, response)

    async def _metadata(self, request: Request, path: str, url_path: str) -> Response:
        kept = self._kept.get(url_path)
        async with self._sync.reading():
            try:
                status = os.stat(path)  # noqa: PTH116
                if kept is None or kept.stamp != _stamp(status):
                    body = await self._catalog.in_thread(lambda: _read_metadata(path))
                    etag = f'"{hashlib.sha256(body).hexdigest()}"'.encode()
                    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"etag", etag), *_IMMUTABLE]
                    kept = _Kept(_stamp(status), Response(200, body, headers))
                    self._keep(url_path, kept)
            except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, StopIteration, RuntimeError):
                raise HttpError(
                    404, f"The wheel {url_path.removesuffix(METADATA_SUFFIX)} has no metadata that can be read."
                ) from None
            except OSError as error:
                raise StorageUnavailableError from error
        return _ranged(request, kept.response)

    def _keep(self, key: str, kept: _Kept) -> None:
        old = self._kept.pop(key, None)
        self._kept[key] = kept
        self._kept_size += len(kept.response.body) - (len(old.response.body) if old else 0)
        while self._kept_size > self._limits.file_memory and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_size -= len(dropped.response.body)


class LargeFile:
    """An open file that is sent in pieces, or by the kernel where the server offers that; closed when it is sent."""

    def __init__(self, file: io.FileIO, size: int, headers: Headers, catalog: Catalog) -> None:
        self._file = file
        self._size = size
        self._headers = headers
        self._catalog = catalog

    async def send(self, request: Request, send: Send) -> int:
        """Send the file, or the range that the request names; return the bytes of body that went out."""
        with self._file:
            etag = dict(self._headers)[b"etag"]
            if _has_it(request, etag):
                return await Response(304, b"", self._headers).send(request, send)
            found = _range_of(request, self._size, etag)
            if found is not None and found[0] >= self._size:
                return await _unsatisfiable(self._size).send(request, send)
            first, last = found or (0, self._size - 1)
            length = last - first + 1
            headers = [*self._headers, (b"content-length", str(length).encode())]
            if found is not None:
                headers.append((b"content-range", f"bytes {first}-{last}/{self._size}".encode()))
            await send({"type": "http.response.start", "status": 200 if found is None else 206, "headers": headers})
            if request.method == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return 0
            return await self._send_body(request, send, first, length)

    async def _send_body(self, request: Request, send: Send, first: int, length: int) -> int:
        if ZERO_COPY in request.scope.get("extensions", ()):
            await send({"type": ZERO_COPY, "file": self._file.fileno(), "offset": first, "count": length})
            return length
        offset, end = first, first + length
        while offset < end:
            chunk = await self._catalog.in_thread(
                partial(os.pread, self._file.fileno(), min(CHUNK, end - offset), offset)
            )
            if not chunk:
                raise OSError("the file became shorter while it was sent")
            offset += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": offset < end})
        return length


def _open(path: str) -> io.FileIO:
    """Open a file without waiting, as a pipe with the name of a package would make us."""
    return io.FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def _ranged(request: Request, whole: Response) -> Response:
    """Return a complete answer, the range of it that the request names, or that the client has it already."""
    etag = dict(whole.headers)[b"etag"]
    if _has_it(request, etag):
        return Response(304, b"", whole.headers)
    found = _range_of(request, len(whole.body), etag)
    if found is None:
        return whole
    first, last = found
    if first >= len(whole.body):
        return _unsatisfiable(len(whole.body))
    content_range = f"bytes {first}-{last}/{len(whole.body)}".encode()
    return Response(206, whole.body[first : last + 1], [*whole.headers, (b"content-range", content_range)])


def _has_it(request: Request, etag: bytes) -> bool:
    match = request.headers.get(b"if-none-match")
    return match is not None and (etag in match or match == b"*")


def _range_of(request: Request, size: int, etag: bytes) -> tuple[int, int] | None:
    """Return first and last byte of the one range that a GET names; None for none, several, or one of an older file."""
    header = request.headers.get(b"range")
    if header is None:
        return None
    condition = request.headers.get(b"if-range")
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == (b"", b"") or (condition is not None and condition != etag):
        return None
    first, last = found.groups()
    if not first:
        return max(size - int(last), 0) if int(last) else size, size - 1
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1


def _unsatisfiable(size: int) -> Response:
    return Response(416, b"", [(b"content-range", f"bytes */{size}".encode())])


def _headers(name: str, status: os.stat_result) -> Headers:
    etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'.encode()
    suffix = os.path.splitext(name)[1]  # noqa: PTH122 - a name, not a path
    kind = _GZIP_TYPE if name.endswith((".tar.gz", ".tgz")) else _TYPES.get(suffix, _OTHER_TYPE)
    modified = formatdate(status.st_mtime, usegmt=True).encode()
    return [(b"content-type", kind), (b"etag", etag), (b"last-modified", modified), *_IMMUTABLE]


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read_metadata(path: str) -> bytes:
    """Return a wheel's METADATA byte for byte."""
    with zipfile.ZipFile(path) as wheel:
        return wheel.read(next(name for name in wheel.namelist() if _is_metadata(name)))


def _is_metadata(name: str) -> bool:
    folder, _, rest = name.partition("/")
    return folder.endswith(".dist-info") and rest == "METADATA"
