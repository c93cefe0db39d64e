"""The index's own files where they are in a bucket: small ones through the index, large ones from the store itself."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import formatdate
from functools import partial

from publisher.server.http.memory import Memory
from publisher.server.http.messages import Headers, HttpError, Request, Response
from publisher.server.names.filenames import METADATA_SUFFIX, SIGNATURE, guess
from publisher.server.routes.browsers import SECURITY_HEADERS
from publisher.server.routes.bucket.signed_urls import SignedUrls
from publisher.server.routes.bucket.streamed import StreamedFile
from publisher.server.routes.quick.repeats import Remembered
from publisher.server.routes.sending import IMMUTABLE, SMALL, content_type, ranged
from publisher.server.settings import ServerSettings
from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.storage.errors import AbsentError, MissingFileError
from publisher.server.store.bucket.catalog import BucketCatalog
from publisher.server.store.projects import StoredFile


class BucketFileRoutes:
    """Answers requests below ``/packages/`` for the files that records list, and for nothing else."""

    def __init__(self, settings: ServerSettings, catalog: BucketCatalog, storage: BucketStorage) -> None:
        self._signed_from = settings.signed_from
        self._catalog = catalog
        self._objects = storage.objects
        self._signed = SignedUrls(storage.objects)
        self._kept: Memory[str, Response] = Memory(settings.limits.file_memory, lambda kept: len(kept.body))
        """Small files by their keys, under which there are never other bytes."""

    async def answer(self, request: Request, url_path: str) -> Response | StreamedFile:
        """Return a file, a part of it, a redirect to it, or the metadata of a wheel; HttpError 404 for none."""
        found = await self._find(url_path)
        if found is None:
            raise HttpError(404, f"This index has no file {url_path}.")
        file, key = found
        kept = self._kept.get(key)
        if kept is not None:
            return ranged(request, kept)
        is_file = key == str(file.path)
        if is_file and self._is_signed(request, file):
            return await self._redirect(key)
        headers = _headers(file, key)
        if is_file and file.metadata.size > SMALL:
            return StreamedFile(self._objects, key, file.metadata.size, headers)
        return ranged(request, await self._read(key, headers))

    def from_memory(self, request: Request, url_path: str) -> Remembered | None:
        """Return an answer that is in memory and still right; None when anything has to be waited for."""
        guessed = guess(_file_of(url_path))
        if guessed is None or not self._catalog.is_current(guessed.project):
            return None
        found = self._in(self._catalog.known_files(guessed.project), url_path)
        if found is None:
            return None
        file, key = found
        kept = self._kept.get(key)
        if kept is not None:
            return Remembered(ranged(request, kept), partial(self._is_listed, guessed.project, file))
        signed = self._signed.recall(key) if key == str(file.path) and self._is_signed(request, file) else None
        return Remembered(_redirect(signed.url, signed.rest)) if signed is not None else None

    def _is_listed(self, project: str, file: StoredFile) -> bool:
        """Return whether memory proves that a project still has a file, and that it is the same one."""
        if not self._catalog.is_current(project):
            return False
        return self._catalog.known_files(project).get(file.filename) is file

    async def _find(self, url_path: str) -> tuple[StoredFile, str] | None:
        """Return the file that a URL path belongs to, and the key of the object that it names."""
        guessed = guess(_file_of(url_path))
        project = await self._catalog.find(guessed.project) if guessed is not None else None
        return self._in(await self._catalog.files(project), url_path) if project is not None else None

    def _in(self, files: Mapping[str, StoredFile], url_path: str) -> tuple[StoredFile, str] | None:
        filename = url_path.rpartition("/")[2]
        file = files.get(filename)
        if file is not None:
            return (file, str(file.path)) if file.url_path == url_path else None
        for suffix in (METADATA_SUFFIX, SIGNATURE):
            file = files.get(filename.removesuffix(suffix)) if filename.endswith(suffix) else None
            if file is not None and file.url_path + suffix == url_path:
                return file, f"{file.path}{suffix}"
        return None

    def _is_signed(self, request: Request, file: StoredFile) -> bool:
        return request.method == "GET" and self._signed_from is not None and file.metadata.size >= self._signed_from

    async def _redirect(self, key: str) -> Response:
        signed = self._signed.recall(key)
        if signed is None:
            signed = await self._catalog.in_thread(lambda: self._signed.sign(key))
            self._signed.remember(key, signed)
        return _redirect(signed.url, signed.rest)

    async def _read(self, key: str, headers: Headers) -> Response:
        """Read a small object whole, and keep it."""
        try:
            found = await self._catalog.in_thread(lambda: self._objects.read(key))
        except AbsentError as error:
            if key.endswith((METADATA_SUFFIX, SIGNATURE)):
                raise HttpError(404, f"This index has no file {_file_of(key)}.") from error
            raise MissingFileError from error
        assert found is not None, "it was read without a condition"  # noqa: S101 - for the type checker
        response = Response(200, found.data, headers)
        self._kept.keep(key, response)
        return response


def _file_of(path: str) -> str:
    """Return the name of the distribution that a path belongs to."""
    return path.rpartition("/")[2].removesuffix(METADATA_SUFFIX).removesuffix(SIGNATURE)


def _redirect(url: str, rest: int) -> Response:
    headers = [(b"location", url.encode()), (b"cache-control", b"private, max-age=%d" % rest), *SECURITY_HEADERS]
    return Response(302, b"", headers)


def _headers(file: StoredFile, key: str) -> Headers:
    name = key.rpartition("/")[2]
    kind = b"text/plain; charset=utf-8" if name.endswith(METADATA_SUFFIX) else content_type(name)
    etag = f'"{file.metadata.metadata_sha256 if name.endswith(METADATA_SUFFIX) else file.metadata.sha256}"'
    modified = formatdate(datetime.fromisoformat(file.metadata.uploaded).timestamp(), usegmt=True)
    return [(b"content-type", kind), (b"etag", etag.encode()), (b"last-modified", modified.encode()), *IMMUTABLE]
