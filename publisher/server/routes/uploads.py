"""The legacy upload API: taking a file in, all of it or nothing."""

import asyncio
import hashlib
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name

from publisher.errors import InvalidDistributionError
from publisher.project.distributions import Distribution, Kind, parse_filename, read_distribution
from publisher.project.versions import same_version
from publisher.server.http.messages import TEXT_TYPE, HttpError, Request, Response
from publisher.server.http.multipart import Fields, UploadForm
from publisher.server.names.filenames import guess
from publisher.server.routes.own_client import require_client_uploader
from publisher.server.settings import ServerSettings
from publisher.server.storage.durability import write_failure
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.spool import Spool, clean_up, digest_file, spool_folder
from publisher.server.upstream.service import Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

DIGESTS: "Mapping[str, str]" = {
    "sha256_digest": "sha256",
    "blake2_256_digest": "blake2_256",
    "md5_digest": "md5",
}
"""The algorithm of each digest field of the form."""

FILENAME_LIMIT = 240
"""Bytes that a file's name may have, so that those of the marks beside it stay below the 255 of file systems."""

_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_UNSUPPORTED = {
    "submit": "Registering a project before its first upload is not needed.",
    "submit_pkg_info": "Metadata is read out of the uploaded files.",
    "verify": "Metadata is checked when a file is uploaded.",
    "doc_upload": "This index keeps no documentation.",
}


class _Sink:
    """Connects the form to a spool: the file's name is checked before its first byte is accepted."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.filename = ""

    def begin(self, filename: str, fields: Fields) -> None:
        try:
            name = parse_filename(filename).name
        except InvalidDistributionError as error:
            raise HttpError(400, f"The file name is not acceptable: {error.message}.") from error
        guessed = guess(filename)
        if guessed is None or guessed.project != name:
            raise HttpError(400, f"The file name {filename!r} is ambiguous; write it with '_' for '-' as PEP 625 says.")
        if len(filename.encode()) > FILENAME_LIMIT:
            raise HttpError(400, f"The file name is longer than {FILENAME_LIMIT} bytes.")
        self.filename = filename
        named = {algorithm for field, algorithm in DIGESTS.items() if any(fields.get(field, ()))}
        self._spool.hash_with({"sha256"} | named)

    def write(self, data: bytes) -> None:
        self._spool.write(data)

    async def drain(self) -> None:
        await self._spool.drain()


class UploadRoutes:
    """Answers POST requests at ``/`` and ``/legacy/``."""

    def __init__(
        self, settings: ServerSettings, catalog: Catalog, changes: ReleaseChanges, upstream: Upstream | None
    ) -> None:
        self._upstream = upstream
        self._settings = settings
        self._catalog = catalog
        self._changes = changes
        self._folder = spool_folder(catalog.dot_folder, shared=catalog.is_shared)
        self._open = asyncio.Semaphore(settings.limits.open_uploads)
        self._places = asyncio.Semaphore(settings.limits.parallel_uploads)
        """Taken only while there is something to do, so that uploads whose clients are slow keep no others waiting."""

    async def start(self) -> None:
        """Take away what killed processes left; a folder that can't be written is told at the first upload."""
        await self._catalog.in_thread(lambda: clean_up(self._folder))

    async def answer(self, request: Request, _rest: str = "") -> Response:
        """Take in one file, or do what else the form asks for; raise HttpError for everything that is refused."""
        length = request.header(b"content-length")
        limit = self._settings.limits.upload_size
        if length.isdigit() and int(length) > limit + 16 * 2**20:
            raise HttpError(413, f"The file is larger than the {limit} bytes that this index takes.")
        await self._changes.require_available()
        async with self._open:
            spool = await self._open_spool()
            try:
                return await self._receive(request, spool)
            except OSError as error:
                raise write_failure(error) from error
            finally:
                await spool.discard()

    async def _open_spool(self) -> Spool:
        def make() -> Spool:
            self._folder.mkdir(parents=True, exist_ok=True)
            return Spool(self._folder, self._settings.limits.upload_size, self._catalog.workers.pool)

        try:
            return await self._catalog.in_thread(make)
        except OSError as error:
            raise write_failure(error) from error

    async def _receive(self, request: Request, spool: Spool) -> Response:
        sink = _Sink(spool)
        form = UploadForm(request.header(b"content-type"), sink)
        more = True
        while more:
            try:
                async with asyncio.timeout(self._settings.limits.stalled_upload):
                    message = await request.chunks()
            except TimeoutError:
                raise HttpError(408, "The upload stalled; nothing was stored. Send it again.") from None
            if body := message.get("body", b""):
                async with self._places:
                    form.feed(body)
                    await sink.drain()
            more = message.get("more_body", False)
        async with self._places:
            form.finish()
            action = form.text(":action")
            if action == "remove_pkg":
                return await self._remove(request, form)
            if action != "file_upload":
                raise _unsupported(action)
            return await self._accept(request, form, sink.filename, spool)

    async def _accept(self, request: Request, form: UploadForm, filename: str, spool: Spool) -> Response:
        if not form.has_content:
            raise HttpError(400, "The upload has no file: the part 'content' is missing.")
        if form.text("protocol_version") not in {"", "1"}:
            raise HttpError(400, "Unknown protocol version: this index speaks version 1.")
        digests = await spool.finish()
        await self._verify_digests(form, digests, spool.path)
        try:
            distribution = await self._catalog.in_thread(lambda: read_distribution(spool.path, filename))
        except InvalidDistributionError as error:
            raise HttpError(400, f"{error.message}.") from error
        _check_form(form, distribution)
        require_client_uploader(distribution.name, request.username, self._settings.client_uploaders)
        metadata = _metadata(distribution, spool.size, digests["sha256"], request.username)
        await self._require_claim(distribution.name)
        await self._changes.upload(spool.path, filename, metadata)
        stored = (b"x-checksum-sha256", digests["sha256"].encode())  # by which our client knows that it was this index
        return Response(200, b"", [(b"content-type", TEXT_TYPE), stored])

    async def _require_claim(self, name: str) -> None:
        """Raise HttpError 403 for a name that installers here know as a public project, unless an admin claimed it."""
        if self._upstream is not None and await self._upstream.needs_claim(name):
            raise HttpError(
                403,
                f"The public project {name} was installed through this index, so nobody may publish that name here. "
                f"An admin can allow it: pypi-publish projects claim {name}",
            )

    async def _verify_digests(self, form: UploadForm, digests: dict[str, str], path: Path) -> None:
        for field, algorithm in DIGESTS.items():
            given = form.text(field)
            if not given:
                continue
            found = digests.get(algorithm) or await self._catalog.in_thread(partial(digest_file, path, algorithm))
            if not _HEXADECIMAL.fullmatch(given) or given.lower() != found:
                raise HttpError(
                    400,
                    f"The digest supplied does not match: {field} is {given[:130]!r}, what arrived has {found}. "
                    "Send it again.",
                )

    async def _remove(self, request: Request, form: UploadForm) -> Response:
        """Delete a release, as pypiserver's ``remove_pkg`` does."""
        name, version = form.text("name"), form.text("version")
        if not name or not version:
            raise HttpError(400, "remove_pkg needs the fields 'name' and 'version'.")
        require_client_uploader(name, request.username, self._settings.client_uploaders)
        await self._changes.delete(canonicalize_name(name), version, None, request.username)
        return Response(200, b"", [(b"content-type", TEXT_TYPE)])


def _unsupported(action: str) -> HttpError:
    if not action:
        return HttpError(400, "The form has no field ':action'; uploads have ':action' 'file_upload'.")
    if action in _UNSUPPORTED:
        return HttpError(410, f"The action {action!r} is not supported. {_UNSUPPORTED[action]}")
    return HttpError(400, f"The action {action[:80]!r} is unknown; this index knows 'file_upload' and 'remove_pkg'.")


def _check_form(form: UploadForm, distribution: Distribution) -> None:
    """Refuse a form that says other things than the file."""
    name, version, kind = form.text("name"), form.text("version"), form.text("filetype")
    if name and not _same_name(name, distribution):
        raise HttpError(400, f"The form says the project is {name[:200]!r}, the file says {distribution.name!r}.")
    if version and not same_version(version, distribution.version):
        raise HttpError(
            400, f"The form says the version is {version[:200]!r}, the file says {str(distribution.version)!r}."
        )
    if kind and kind != distribution.kind.value:
        raise HttpError(
            400, f"The form says the file is a {kind[:40]!r}; by its name it is a {distribution.kind.value!r}."
        )


def _same_name(name: str, distribution: Distribution) -> bool:
    try:
        return canonicalize_name(name, validate=True) == distribution.name
    except InvalidName:
        return False


def _metadata(distribution: Distribution, size: int, sha256: str, user: str | None) -> FileMetadata:
    wheel = distribution.kind is Kind.WHEEL
    return FileMetadata(
        size=size,
        mtime_ns=0,  # this and the next are the file's own
        uploaded="",
        sha256=sha256,
        requires_python=distribution.requires_python,
        metadata_sha256=hashlib.sha256(distribution.metadata).hexdigest() if wheel else None,
        uploader=user,
    )
