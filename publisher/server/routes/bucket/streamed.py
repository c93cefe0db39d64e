"""A large file of a bucket that passes through the index, a piece at a time."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from publisher.server.http.messages import Headers, Request, Send
from publisher.server.routes.sending import begin, wanted
from publisher.server.storage.errors import AbsentError, MissingFileError

if TYPE_CHECKING:
    from publisher.server.storage.bucket.objects import Objects  # which brings obstore along

PIECE = 2**20
"""Bytes that are in memory at a time for each request."""


class StreamedFile:
    """The whole file, or the range that a request names."""

    def __init__(self, objects: "Objects", key: str, size: int, headers: Headers) -> None:
        self._objects = objects
        self._key = key
        self._size = size
        self._headers = headers

    async def send(self, request: Request, send: Send) -> int:
        """Send the file; return the bytes of body that went out."""
        first, end = wanted(request, self._size, self._headers)
        if first >= end:
            await begin(request, send, self._size, self._headers)
            return 0
        async with aclosing(self._objects.stream(self._key, first, end, PIECE)) as pieces:
            piece = await _first(pieces)  # before the head, so that a failure is a 503
            await begin(request, send, self._size, self._headers)
            sent = 0
            while sent < end - first:
                sent += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": sent < end - first})
                if sent < end - first:
                    piece = await anext(pieces)
        return sent


async def _first(pieces: AsyncGenerator[bytes, None]) -> bytes:
    try:
        return await anext(pieces)
    except AbsentError as error:
        raise MissingFileError from error
