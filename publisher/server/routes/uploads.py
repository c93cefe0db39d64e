"""The legacy upload API: taking a file in, all of it or nothing."""

import asyncio
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from packaging.utils import canonicalize_name

from publisher.errors import InvalidDistributionError
from publisher.project.distributions import parse_filename
from publisher.server.auth.principal import Right
from publisher.server.http.inspecting import inspect, turn_key
from publisher.server.http.messages import TEXT_TYPE, HttpError, Request, Response
from publisher.server.http.multipart import Fields, FormParser
from publisher.server.routes.authorization import principal_of
from publisher.server.routes.own_client import require_client_uploader
from publisher.server.routes.trust.oversight import Oversight
from publisher.server.routes.upload_checks import check_filename, check_form, is_legacy, signature_of
from publisher.server.settings import ServerSettings
from publisher.server.storage.durability import write_failure
from publisher.server.store.errors import ProjectExistsError
from publisher.server.store.interface import PackageCatalog, PackageChanges
from publisher.server.store.metadata import FileMetadata, NewProject
from publisher.server.store.spool import Spool, clean_up, digest_of
from publisher.server.upstream.service import Upstream
from publisher.server.work.inspection import Checkpoint, InspectionPool
from publisher.server.work.reading import read_upload
from publisher.server.work.turns import FairTurns

if TYPE_CHECKING:
    from collections.abc import Mapping

DIGESTS: "Mapping[str, str]" = {
    "sha256_digest": "sha256",
    "blake2_256_digest": "blake2_256",
    "md5_digest": "md5",
}
"""The algorithm of each digest field of the form."""

_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_DONE_ALREADY = {"submit", "verify"}
"""Actions of old tools that have nothing to do here: scripts that call them go on."""

_UNSUPPORTED = {
    "submit_pkg_info": "Metadata is read out of the uploaded files.",
    "doc_upload": "This index keeps no documentation.",
}


class _Sink:
    """Connects the form to a spool: the file's name is checked before its first byte is accepted."""

    def __init__(self, spool: Spool, *, accept_legacy: bool) -> None:
        self._spool = spool
        self._accept_legacy = accept_legacy
        self.filename = ""
        self.project = ""
        self.is_new_project: bool | None = None
        """Whether nothing of the project was ever published here; None before its sender's right was asked for."""

    def begin(self, filename: str, fields: Fields) -> None:
        self.project = check_filename(filename, accept_legacy=self._accept_legacy)
        self.filename = filename
        named = {algorithm for field, algorithm in DIGESTS.items() if any(fields.get(field, ()))}
        self._spool.hash_with({"sha256"} | named)

    def write(self, data: bytes) -> None:
        self._spool.write(data)

    async def drain(self) -> None:
        await self._spool.drain()


class UploadRoutes:
    """Answers POST requests at ``/`` and ``/legacy/``."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of an index that an upload passes
        self,
        settings: ServerSettings,
        catalog: PackageCatalog,
        changes: PackageChanges,
        upstream: Upstream | None,
        inspection: InspectionPool,
        oversight: Oversight,
    ) -> None:
        self._oversight = oversight
        self._upstream = upstream
        self._settings = settings
        self._catalog = catalog
        self._changes = changes
        self._folder = catalog.spool_folder
        most = settings.limits.open_uploads
        self._open = FairTurns(
            "uploads", running=most, waiting=most, each=max(1, most // 4), patience=settings.limits.upload_patience
        )
        self._inspection = inspection
        self._places = asyncio.Semaphore(settings.limits.parallel_uploads)
        """Taken only while there is something to do, so that uploads whose clients are slow keep no others waiting."""

    async def start(self) -> None:
        """Remove leftovers of killed processes; an unwritable folder is reported at the first upload."""
        await self._catalog.in_thread(lambda: clean_up(self._folder))

    async def answer(self, request: Request, _rest: str = "") -> Response:
        """Store one file, or follow another action of the form; raise HttpError for everything that is refused."""
        length = _length(request)
        limit = self._settings.limits.upload_size
        if length is not None and length > limit + 16 * 2**20:
            raise HttpError(413, f"The file is larger than the {limit} bytes that this index accepts.")
        if request.header(b"content-type").partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            return await self._answer_short_form(request)
        await self._changes.require_available()
        async with self._open.turn(turn_key(request)):
            spool = Spool(
                self._folder,
                self._settings.limits.upload_size,
                self._catalog.workers.pool,
                in_memory=not self._settings.overwrite,
            )
            try:
                return await self._receive(request, spool)
            except OSError as error:
                raise write_failure(error) from error
            finally:
                await spool.discard()

    async def _receive(self, request: Request, spool: Spool) -> Response:
        sink = _Sink(spool, accept_legacy=self._settings.accept_legacy)
        form = FormParser(request.header(b"content-type"), sink, self._settings.limits)
        more = True
        while more:
            try:
                async with asyncio.timeout(self._settings.limits.stalled_upload):
                    message = await request.chunks()
            except TimeoutError:
                raise HttpError(408, "The upload stalled; nothing was stored. Send it again.") from None
            if body := message.get("body", b""):
                form.feed(body)
                if sink.project and sink.is_new_project is None:
                    sink.is_new_project = await self._require_right(request, sink.project)
                    spool.copy = await self._changes.begin_upload(sink.filename, _length(request))
                async with self._places:
                    await sink.drain()
            more = message.get("more_body", False)
        form.finish()
        action = form.text(":action")
        if action != "file_upload":
            return await self._act(action, form.text("name"), form.text("version"), request)
        async with self._places:
            return await self._accept(request, form, sink, spool)

    async def _answer_short_form(self, request: Request) -> Response:
        """Follow the action of a form without a file, as pypiserver does."""
        try:
            fields = dict(parse_qsl((await request.body()).decode("utf-8"), max_num_fields=100))
        except ValueError as error:
            raise HttpError(400, f"The body is not a valid form: {error}.") from error
        action = fields.get(":action", "")
        if action == "file_upload":
            raise HttpError(400, "Files are uploaded as multipart/form-data, as twine and uv do.")
        return await self._act(action, fields.get("name", ""), fields.get("version", ""), request)

    async def _act(self, action: str, name: str, version: str, request: Request) -> Response:
        if action in _DONE_ALREADY:
            return Response(200, b"", [(b"content-type", TEXT_TYPE)])
        if action != "remove_pkg":
            raise _unsupported(action)
        await self._changes.require_available()
        return await self._remove(request, name, version)

    async def _accept(self, request: Request, form: FormParser, sink: _Sink, spool: Spool) -> Response:
        if not form.has_content:
            raise HttpError(400, "The upload has no file: the part 'content' is missing.")
        if form.text("protocol_version") not in {"", "1"}:
            raise HttpError(400, "Unknown protocol version: this index speaks version 1.")
        digests = await spool.finish()
        await self._verify_digests(request, form, digests, spool.content)
        metadata = await self._inspect(request, form, sink.filename, spool, digests["sha256"])
        await self._require_claim(request, sink.project)
        was_new = bool(sink.is_new_project)
        is_new_project = await self._oversight.authorization.confirm_upload(request, sink.project, was_new=was_new)
        principal = principal_of(request)
        origin = principal.origin.as_record() if principal.origin is not None else None
        new_project = NewProject(principal.account) if is_new_project else None
        await self._store(request, sink, spool, replace(metadata, origin=origin), signature_of(form), new_project)
        details = {"file": sink.filename, "sha256": digests["sha256"]}
        await self._oversight.record(request, "upload", sink.project, **details)
        stored = (b"x-checksum-sha256", digests["sha256"].encode())  # by which our client knows that it was this index
        return Response(200, b"", [(b"content-type", TEXT_TYPE), stored])

    async def _store(  # noqa: PLR0913, PLR0917 - what makes up an upload
        self,
        request: Request,
        sink: _Sink,
        spool: Spool,
        metadata: FileMetadata,
        signature: bytes | None,
        new_project: NewProject | None,
    ) -> None:
        """Store a file; raise an AuthError where its project is new no longer, and its sender may not publish to it."""
        upload = partial(self._changes.upload, spool.content, sink.filename, metadata, signature)
        try:
            await upload(new_project, spool.copy)
        except ProjectExistsError:
            self._oversight.authorization.forget_project(sink.project)
            await self._oversight.authorization.require_right(request, Right.PUBLISH, sink.project)
            await upload()
        if new_project is not None:
            self._oversight.authorization.forget_project(sink.project)

    async def _require_right(self, request: Request, project: str) -> bool:
        """Return whether a file is the first of its project; raise an AuthError where its sender may not publish it."""
        require_client_uploader(project, principal_of(request))
        return await self._oversight.authorization.require_upload(request, project)

    async def _inspect(
        self, request: Request, form: FormParser, filename: str, spool: Spool, sha256: str
    ) -> FileMetadata:
        """Return the metadata of a file that agrees with its name and form; raise HttpError 400 otherwise."""

        def read(checkpoint: Checkpoint) -> dict[str, str | None]:
            return self._inspection.helpers.read(read_upload, spool.content, filename, checkpoint=checkpoint)

        metadata = FileMetadata(spool.size, 0, sha256, "", uploader=request.username)
        try:
            found = self._inspection.helpers.read_at_once(read_upload, spool.content, filename)
            if found is None:
                found = await inspect(self._inspection, request, read)
            check_form(form, parse_filename(filename))
        except InvalidDistributionError as error:
            if self._settings.accept_legacy and is_legacy(filename):
                return metadata
            raise HttpError(400, f"{error.message}.") from error
        if found["problem"] is not None:
            raise HttpError(400, found["problem"])
        return replace(metadata, requires_python=found["requires_python"], metadata_sha256=found["metadata_sha256"])

    async def _require_claim(self, request: Request, name: str) -> None:
        """Raise HttpError 403 for a name that installers here know as a public project, unless an admin allows it."""
        if self._upstream is None or principal_of(request).may(Right.ADMIN):
            return
        if await self._upstream.needs_claim(name):
            raise HttpError(
                403,
                f"The public project {name} was installed through this index, so that name can't be published here. "
                f"An admin can allow it: pypi-publish projects claim {name}",
            )

    async def _verify_digests(
        self, request: Request, form: FormParser, digests: dict[str, str], content: bytes | Path
    ) -> None:
        for field, algorithm in DIGESTS.items():
            given = form.text(field)
            if not given:
                continue
            found = digests.get(algorithm)
            if found is None:
                found = await inspect(self._inspection, request, partial(digest_of, content, algorithm))
            if not _HEXADECIMAL.fullmatch(given) or given.lower() != found:
                raise HttpError(
                    400,
                    f"The digest supplied does not match: {field} is {given[:130]!r}, the received file has {found}. "
                    "Send it again.",
                )

    async def _remove(self, request: Request, name: str, version: str) -> Response:
        """Delete a release, as pypiserver's ``remove_pkg`` does."""
        if not name or not version:
            raise HttpError(400, "remove_pkg needs the fields 'name' and 'version'.")
        project = canonicalize_name(name)
        require_client_uploader(project, principal_of(request))
        await self._oversight.authorization.require_right(request, Right.MANAGE, project)
        files = await self._changes.delete(project, version, None, request.username)
        await self._oversight.record(request, "delete", project, version=version, files=files)
        return Response(200, b"", [(b"content-type", TEXT_TYPE)])


def _length(request: Request) -> int | None:
    """Return the bytes of a request's body, which are few more than those of its file; None where it does not say."""
    length = request.header(b"content-length")
    return int(length) if length.isdigit() else None


def _unsupported(action: str) -> HttpError:
    if not action:
        return HttpError(400, "The form has no field ':action'; uploads have ':action' 'file_upload'.")
    if action in _UNSUPPORTED:
        return HttpError(410, f"The action {action!r} is not supported. {_UNSUPPORTED[action]}")
    return HttpError(400, f"The action {action[:80]!r} is unknown; this index knows 'file_upload' and 'remove_pkg'.")
