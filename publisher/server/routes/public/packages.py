"""Public packages: pages below ``/simple/`` of names that are not owned here, and files below ``/-/public/``."""

import asyncio
import hashlib
from collections.abc import Hashable
from contextlib import suppress
from functools import partial

from publisher.server.http.memory import Memory
from publisher.server.http.messages import ClientGoneError, Headers, HttpError, Request, Response, Send
from publisher.server.http.negotiation import GZIP_ACCEPTED
from publisher.server.names.filenames import METADATA_SUFFIX
from publisher.server.routes.page_memory import JSON, Page, make_page_in_one_form
from publisher.server.routes.public.first_uses import FirstUses
from publisher.server.routes.quick.repeats import Remembered
from publisher.server.routes.sending import (
    IMMUTABLE,
    LargeFile,
    begin,
    content_type,
    open_file,
    ranged,
)
from publisher.server.upstream.errors import UpstreamError
from publisher.server.upstream.files.downloads import Download
from publisher.server.upstream.files.public_files import StoredPublicFile, key_of
from publisher.server.upstream.pages.gzips import compress
from publisher.server.upstream.pages.render import ZIPPED_FROM
from publisher.server.upstream.service import Basis, FoundFile, PublicPage, Upstream


class PublicRoutes:
    """Answers for public packages; those in memory are used while everything that they depend on holds."""

    def __init__(self, upstream: Upstream, first_uses: FirstUses) -> None:
        self._first_uses = first_uses
        limits = upstream.settings.limits
        self._upstream = upstream
        self._pages: Memory[Hashable, tuple[Basis, Page]] = Memory(limits.page_memory, lambda kept: kept[1].size)
        self._files: Memory[str, tuple[Basis, Response]] = Memory(limits.file_memory, lambda kept: len(kept[1].body))

    async def page(self, request: Request, name: str, kind: str) -> Response:
        """Return a public project's page; raises UpstreamError and StorageUnavailableError."""
        key = _page_key(request, name, kind)
        kept = self._pages.get(key)
        if kept is not None:
            await self._upstream.source_of(name)
            if self._upstream.is_right(kept[0]):
                return kept[1].answer(request)
        found = await self._upstream.page(name, request.root_path, as_json=kind == JSON)
        if found.first_from:
            self._first_uses.note(request, name, found.first_from)
        page = await self._made(found, kind, zipped=_takes_gzip(request))
        self._pages.keep(key, (found.basis, page))
        return page.answer(request)

    async def _made(self, found: PublicPage, kind: str, *, zipped: bool) -> Page:
        """Return a page in the one form that its reader takes: most take it zipped, a tenth of the memory of both."""
        rendered, revision = found.rendered, found.basis.page
        if not zipped or not (rendered.zipped or len(rendered.plain) >= ZIPPED_FROM):
            return make_page_in_one_form(rendered.body, kind, revision, rendered.tag, is_zipped=False)
        body = rendered.zipped or await self._upstream.context.in_thread(partial(compress, rendered.plain))
        return make_page_in_one_form(body, kind, revision, rendered.tag, is_zipped=True)

    def page_from_memory(self, request: Request, name: str, kind: str) -> Remembered | None:
        """Return a page that is in memory and still right; None when anything has to be waited for."""
        kept = self._pages.get(_page_key(request, name, kind))
        if kept is None or not self._upstream.is_right(kept[0]):
            return None
        return Remembered(kept[1].answer(request), partial(self._upstream.is_right, kept[0]))

    async def file(self, request: Request, path: str) -> "Response | LargeFile | JoinedDownload":
        """Return a file or its metadata; raises UpstreamError, StorageUnavailableError and HttpError."""
        kept = self._files.get(path)
        if kept is not None:
            await self._upstream.source_of(kept[0].name)
            if self._upstream.is_right(kept[0]):
                return ranged(request, kept[1])
        wanted = path.removesuffix(METADATA_SUFFIX)
        tail, _, filename = wanted.rpartition("/")
        found = await self._upstream.find(tail, filename)
        if found.first_from:
            self._first_uses.note(request, found.basis.name, found.first_from)
        if wanted != path:
            body = await self._upstream.metadata(found)
            headers = _headers(hashlib.sha256(body).hexdigest(), b"text/plain; charset=utf-8")
            return ranged(request, self._keep(path, found, body, headers))
        opened = await self._upstream.open(found)
        for _ in range(2):
            if isinstance(opened, StoredPublicFile):
                with suppress(FileNotFoundError):  # another process needed its room a moment ago
                    return await self._stored(request, path, found, opened)
                opened = await self._upstream.open(found)
        if isinstance(opened, StoredPublicFile):
            raise HttpError(503, "The file was just removed from the cache; try again.", [(b"retry-after", b"1")])
        if isinstance(opened, bytes):
            headers = _headers(key_of(found.file), content_type(filename))
            if len(opened) > self._upstream.settings.limits.kept_file:
                return ranged(request, Response(200, opened, headers))
            return ranged(request, self._keep(path, found, opened, headers))
        return JoinedDownload(self._upstream, opened, _headers(opened.wanted.key, content_type(filename)))

    def file_from_memory(self, request: Request, path: str) -> Remembered | None:
        """Return a file that is in memory and may still be passed on; None when anything has to be waited for."""
        kept = self._files.get(path)
        if kept is None or not self._upstream.is_right(kept[0]):
            return None
        return Remembered(ranged(request, kept[1]), partial(self._upstream.is_right, kept[0]))

    async def _stored(
        self, request: Request, path: str, found: FoundFile, stored: StoredPublicFile
    ) -> Response | LargeFile:
        in_thread = self._upstream.context.in_thread
        small = self._upstream.settings.limits.kept_file
        file, status, body = await in_thread(lambda: open_file(str(stored.path), small))
        headers = _headers(stored.key, content_type(found.file.filename))
        if not file.closed:
            return LargeFile(file, status.st_size, headers, in_thread)
        return ranged(request, self._keep(path, found, body, headers))

    def _keep(self, path: str, found: FoundFile, body: bytes, headers: Headers) -> Response:
        response = Response(200, body, headers)
        self._files.keep(path, (found.basis, response))
        return response


class JoinedDownload:
    """The answer from a download that may still run: sent as far as it came, cut off when it fails."""

    def __init__(self, upstream: Upstream, download: Download, headers: Headers) -> None:
        self._upstream = upstream
        self._download = download
        self._headers = headers

    async def send(self, request: Request, send: Send) -> int:
        """Send the file, or the range that begins where the request says; return the bytes of body that went out."""
        watching = asyncio.create_task(_gone(request))
        try:
            return await self._send(request, send, watching)
        finally:
            watching.cancel()
            self._upstream.leave(self._download)

    async def _send(self, request: Request, send: Send, watching: "asyncio.Task[None]") -> int:
        length = self._download.length
        if length is not None:
            begun = await begin(request, send, length, self._headers)
            return await self._send_body(send, watching, begun.first, begun.end) if begun.has_body else 0
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        return await self._send_body(send, watching, 0, None)

    async def _send_body(self, send: Send, watching: "asyncio.Task[None]", first: int, end: int | None) -> int:
        offset = first
        try:
            while (end is None or offset < end) and (chunk := await self._download.read(offset, end)):
                if watching.done():
                    raise ClientGoneError
                offset += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": end is None or offset < end})
        except UpstreamError as error:  # the connection ends before the announced length, so the client notices
            raise ClientGoneError from error
        if end is None and self._download.error is None:
            await send({"type": "http.response.body", "body": b""})
        elif end is None or offset < end:
            raise ClientGoneError
        return offset - first


def _page_key(request: Request, name: str, kind: str) -> Hashable:
    return name, kind, request.root_path, _takes_gzip(request)


def _takes_gzip(request: Request) -> bool:
    return GZIP_ACCEPTED[request.headers.get(b"accept-encoding", b"")]


def _headers(tag: str, kind: bytes) -> Headers:
    return [(b"content-type", kind), (b"etag", f'"{tag}"'.encode()), *IMMUTABLE]


async def _gone(request: Request) -> None:
    """Return when the client has gone."""
    with suppress(ClientGoneError):
        while True:
            await request.chunks()
