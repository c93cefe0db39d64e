"""Sending files: whole or in ranges (RFC 9110, 14), from memory, in pieces, or by the kernel."""

import io
import os
from collections.abc import Awaitable, Callable
from functools import partial
from stat import S_ISREG
from typing import Any, NamedTuple

from publisher.server.http.messages import ZERO_COPY, Headers, Request, Response, Send
from publisher.server.http.negotiation import UnsatisfiableRangeError, byte_range, is_unmodified
from publisher.server.names.filenames import SIGNATURE
from publisher.server.routes.browsers import SECURITY_HEADERS
from publisher.server.storage.localcopies import PIECE, LocalCopies, Stamp

SMALL = 2**20
"""Bytes up to which a file is read whole, and kept in memory for the next time."""

CHUNK = 2**18

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs blocking work in a thread."""

_CONDITIONS = {b"if-none-match", b"if-modified-since", b"range"}
IMMUTABLE: Headers = [
    (b"cache-control", b"private, max-age=365000000, immutable"),
    (b"accept-ranges", b"bytes"),
    *SECURITY_HEADERS,
]
_TYPES = {".whl": b"application/zip", ".zip": b"application/zip", ".egg": b"application/zip", SIGNATURE: b"text/plain"}
_OTHER_TYPE = b"application/octet-stream"
_GZIP_TYPE = b"application/gzip"


class OpenedFile(NamedTuple):
    """A file that was opened: its state, and the bytes of a small one, which is closed again."""

    file: io.FileIO
    status: os.stat_result
    body: bytes


class LargeFile:
    """An open file that is sent in pieces, or by the kernel where the server offers that; closed when it is sent."""

    def __init__(self, file: io.FileIO, size: int, headers: Headers, in_thread: InThread) -> None:
        self._file = file
        self._size = size
        self._headers = headers
        self._in_thread = in_thread

    async def send(self, request: Request, send: Send) -> int:
        """Send the file, or the range that the request names; return the bytes of body that went out."""
        with self._file:
            begun = await begin(request, send, self._size, self._headers)
            return await self._send_body(request, send, begun.first, begun.end - begun.first) if begun.has_body else 0

    async def _send_body(self, request: Request, send: Send, first: int, length: int) -> int:
        if ZERO_COPY in request.scope.get("extensions", ()):
            await send({"type": ZERO_COPY, "file": self._file.fileno(), "offset": first, "count": length})
            return length
        offset, end = first, first + length
        while offset < end:
            chunk = await self._in_thread(partial(os.pread, self._file.fileno(), min(CHUNK, end - offset), offset))
            if not chunk:
                raise OSError("the file became shorter while it was sent")
            offset += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": offset < end})
        return length


class CopiedFile:
    """A large file of a volume: its head and small ranges without copying it, the rest from a copy on this machine."""

    def __init__(self, copies: LocalCopies, path: str, stamp: Stamp, headers: Headers, in_thread: InThread) -> None:
        self._copies = copies
        self._path = path
        self._stamp = stamp
        self._headers = headers
        self._in_thread = in_thread

    async def send(self, request: Request, send: Send) -> int:
        """Send the file, or the range that the request names; return the bytes of body that went out."""
        size = self._stamp[1]
        first, end = wanted(request, size, self._headers)
        if end - first > PIECE:
            file = await self._copies.open(self._path, self._stamp)  # before the head, so that a failure is a 503
            return await LargeFile(file, size, self._headers, self._in_thread).send(request, send)
        body = await self._copies.read(self._path, self._stamp, first, end - first) if end > first else b""
        begun = await begin(request, send, size, self._headers)
        if begun.has_body:
            await send({"type": "http.response.body", "body": body})
        return len(body) if begun.has_body else 0


class Begun(NamedTuple):
    """An answer whose head is sent: the part of the file that its body is, if it has one."""

    first: int
    end: int
    has_body: bool


async def begin(request: Request, send: Send, size: int, headers: Headers) -> Begun:
    """Send the head of an answer with a file or a range of it; the whole answer where it has no body."""
    if _is_unmodified(request, headers):
        await Response(304, b"", headers).send(request, send)
        return Begun(0, 0, has_body=False)
    try:
        found = _range_of(request, size, headers)
    except UnsatisfiableRangeError:
        await _unsatisfiable(size).send(request, send)
        return Begun(0, 0, has_body=False)
    first, end = found or (0, size)
    sent = [*headers, (b"content-length", b"%d" % (end - first))]
    if found is not None:
        sent.append(_content_range(first, end, size))
    await send({"type": "http.response.start", "status": 200 if found is None else 206, "headers": sent})
    if request.method == "HEAD":
        await send({"type": "http.response.body", "body": b""})
    return Begun(first, end, has_body=request.method != "HEAD")


def content_type(filename: str) -> bytes:
    """Return the content type of a file by its name."""
    suffix = os.path.splitext(filename)[1]  # noqa: PTH122 - a name, not a path
    return _GZIP_TYPE if filename.endswith((".tar.gz", ".tgz")) else _TYPES.get(suffix, _OTHER_TYPE)


def open_file(path: str, small: int = SMALL) -> OpenedFile:
    """
    Open a file without waiting, as a pipe with the name of a package would make us.

    One of up to ``small`` bytes is read and closed again.

    All of that is one visit to a thread, whose way there and back costs as much as sending some hundred kilobytes.
    """
    file = io.FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    try:
        status = os.fstat(file.fileno())
        is_large = S_ISREG(status.st_mode) and status.st_size > small
        body = file.readall() if S_ISREG(status.st_mode) and not is_large else b""
    except BaseException:
        file.close()
        raise
    if not is_large:
        file.close()
    return OpenedFile(file, status, body)


def ranged(request: Request, whole: Response) -> Response:
    """Return a complete answer, the range of it that the request names, or that the client has it already."""
    if _CONDITIONS.isdisjoint(request.headers):
        return whole
    if _is_unmodified(request, whole.headers):
        return Response(304, b"", whole.headers)
    size = len(whole.body)
    try:
        found = _range_of(request, size, whole.headers)
    except UnsatisfiableRangeError:
        return _unsatisfiable(size)
    if found is None:
        return whole
    first, end = found
    return Response(206, whole.body[first:end], [*whole.headers, _content_range(first, end, size)])


def _is_unmodified(request: Request, headers: Headers) -> bool:
    etag, modified = _validators(headers)
    return is_unmodified(request.header(b"if-none-match"), request.header(b"if-modified-since"), etag, modified)


def _range_of(request: Request, size: int, headers: Headers) -> tuple[int, int] | None:
    """Return offset and end of the range that a GET names; other methods have none (RFC 9110, 14.2)."""
    header = request.header(b"range")
    if not header or request.method != "GET":
        return None
    return byte_range(header, request.header(b"if-range"), size, *_validators(headers))


def wanted(request: Request, size: int, headers: Headers) -> tuple[int, int]:
    """Return offset and end of the bytes that go out; none without a body, or for a range that there is not."""
    if request.method != "GET" or _is_unmodified(request, headers):
        return 0, 0
    try:
        return _range_of(request, size, headers) or (0, size)
    except UnsatisfiableRangeError:
        return 0, 0


def _validators(headers: Headers) -> tuple[str, str]:
    found = dict(headers)
    return found[b"etag"].decode(), found.get(b"last-modified", b"").decode()


def _content_range(first: int, end: int, size: int) -> tuple[bytes, bytes]:
    return b"content-range", b"bytes %d-%d/%d" % (first, end - 1, size)


def _unsatisfiable(size: int) -> Response:
    return Response(416, b"", [(b"content-range", f"bytes */{size}".encode()), *SECURITY_HEADERS])
