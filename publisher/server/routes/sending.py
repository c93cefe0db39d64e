"""Sending files: whole or in ranges (RFC 9110, 14), from memory, in pieces, or by the kernel."""

import io
import os
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from publisher.server.http.messages import ZERO_COPY, Headers, Request, Response, Send
from publisher.server.names.filenames import SIGNATURE

SMALL = 2**20
"""Bytes up to which a file is read whole, and kept in memory for the next time."""

CHUNK = 2**18

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs blocking work in a thread."""

_RANGE = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})")
IMMUTABLE: Headers = [
    (b"cache-control", b"private, max-age=365000000, immutable"),
    (b"accept-ranges", b"bytes"),
    (b"x-content-type-options", b"nosniff"),
]
_TYPES = {".whl": b"application/zip", ".zip": b"application/zip", ".egg": b"application/zip", SIGNATURE: b"text/plain"}
_OTHER_TYPE = b"application/octet-stream"
_GZIP_TYPE = b"application/gzip"


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
            etag = dict(self._headers)[b"etag"]
            if has_it(request, etag):
                return await Response(304, b"", self._headers).send(request, send)
            found = range_of(request, self._size, etag)
            if found is not None and found[0] >= self._size:
                return await unsatisfiable(self._size).send(request, send)
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
            chunk = await self._in_thread(partial(os.pread, self._file.fileno(), min(CHUNK, end - offset), offset))
            if not chunk:
                raise OSError("the file became shorter while it was sent")
            offset += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": offset < end})
        return length


def content_type(filename: str) -> bytes:
    """Return the content type of a file by its name."""
    suffix = os.path.splitext(filename)[1]  # noqa: PTH122 - a name, not a path
    return _GZIP_TYPE if filename.endswith((".tar.gz", ".tgz")) else _TYPES.get(suffix, _OTHER_TYPE)


def open_file(path: str) -> io.FileIO:
    """Open a file without waiting, as a pipe with the name of a package would make us."""
    return io.FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def ranged(request: Request, whole: Response) -> Response:
    """Return a complete answer, the range of it that the request names, or that the client has it already."""
    etag = dict(whole.headers)[b"etag"]
    if has_it(request, etag):
        return Response(304, b"", whole.headers)
    found = range_of(request, len(whole.body), etag)
    if found is None:
        return whole
    first, last = found
    if first >= len(whole.body):
        return unsatisfiable(len(whole.body))
    content_range = f"bytes {first}-{last}/{len(whole.body)}".encode()
    return Response(206, whole.body[first : last + 1], [*whole.headers, (b"content-range", content_range)])


def has_it(request: Request, etag: bytes) -> bool:
    """Tell whether the client has these bytes already."""
    match = request.headers.get(b"if-none-match")
    return match is not None and (etag in match or match == b"*")


def range_of(request: Request, size: int, etag: bytes) -> tuple[int, int] | None:
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


def unsatisfiable(size: int) -> Response:
    """Return the answer to a range that begins behind the end."""
    return Response(416, b"", [(b"content-range", f"bytes */{size}".encode())])
