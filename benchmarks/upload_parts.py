"""
Parts of an upload to this index that the servers of `floors.py` lack, each measured alone.

Alone, in a loop, a part finds its code and its data in the processor's caches, so it takes less time than in an upload.
"""

# ruff: noqa: SLF001 - parts of the index are measured one by one

import asyncio
import io
import os
import statistics
import time
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop
from packaging.metadata import parse_email

from benchmarks.serve import AUTHORIZATION, PASSWORD, USER, fill
from benchmarks.writing import BOUNDARY, form
from publisher.project.distributions import parse_filename
from publisher.server.app import IndexApp, create_app
from publisher.server.auth import hashes
from publisher.server.http.inspecting import turn_key
from publisher.server.http.messages import Message, Request
from publisher.server.http.multipart import Fields, FormParser
from publisher.server.routes.table import UPLOAD
from publisher.server.routes.upload_checks import check_filename, check_form
from publisher.server.settings import ServerSettings
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges, file_lease
from publisher.server.store.metadata import FileMetadata
from publisher.server.work.reading import read_upload

PROJECTS, ROUNDS, CALLS = 20, 5, 400
SHA256 = "0" * 64


class Content:
    """The file of a form."""

    data = b""

    def begin(self, filename: str, fields: Fields) -> None:
        """Take no notice of the name."""

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        """Wait for nothing."""


@dataclass(frozen=True)
class Upload:
    """One of the uploads of a loop, to a known project."""

    project: str
    version: str
    form: FormParser
    content: bytes

    @property
    def filename(self) -> str:
        return f"{self.project}-{self.version}-py3-none-any.whl"


class Parts:
    """The parts, over an index in this process."""

    def __init__(self, app: IndexApp, root: Path) -> None:
        assert isinstance(app._changes, ReleaseChanges)
        assert isinstance(app._catalog, Catalog)
        self._app, self._changes, self._catalog = app, app._changes, app._catalog
        self._root = root
        self._request = _request()

    async def rights(self, upload: Upload) -> None:
        """Decide three times whether the sender may upload: before the form, before the file, and after it."""
        authorization, request = self._app._authorization, _request()
        await authorization.require(request, UPLOAD, "")
        await authorization.require_upload(request, upload.project)
        await authorization.confirm_upload(request, upload.project, was_new=False)

    async def turn(self, upload: Upload) -> None:  # noqa: ARG002 - the same for all
        """Take a turn, and look whether the folder is there."""
        async with self._app._uploads._open.turn(turn_key(self._request)):
            await self._changes.require_available()

    async def comparison(self, upload: Upload) -> None:
        """Lease the file's identity, and compare it with what the project has."""
        changes = self._changes
        async with changes._storage.lease(file_lease(upload.filename), SHA256):
            metadata = FileMetadata(1, 0, SHA256, "")
            await changes._existing(upload.project, upload.filename, metadata, time.monotonic())

    async def listing(self, upload: Upload) -> None:
        """List the file."""
        self._catalog.add_upload(str(self._root), upload.filename, FileMetadata(1, 0, SHA256, ""))

    async def names(self, upload: Upload) -> None:
        """Check the file's name and the form's fields."""
        check_filename(upload.filename, accept_legacy=False)
        check_form(upload.form, parse_filename(upload.filename))

    async def reading(self, upload: Upload) -> None:
        """Read the archive within its limits."""
        self._app._inspection.helpers.read_at_once(read_upload, upload.content, upload.filename)

    async def least_reading(self, upload: Upload) -> None:
        """Read the archive as the servers of `floors.py` do."""
        with zipfile.ZipFile(io.BytesIO(upload.content)) as archive:
            name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
            parse_email(archive.read(name))


def upload_parts(folder: Path) -> float:
    """Return the processor time of all parts of an upload that a server of `floors.py` lacks, in milliseconds."""
    root, htpasswd = folder / "parts", folder / "parts-htpasswd"
    fill(root, PROJECTS, 10)
    htpasswd.write_text(f"{USER}:{hashes.make(PASSWORD)}\n")
    return uvloop.run(_measure(create_app(ServerSettings((root,), htpasswd), "none"), root))


async def _measure(app: IndexApp, root: Path) -> float:
    await app.start()
    for project in range(PROJECTS):
        known = await app._catalog.find(f"project{project}")
        assert known is not None
        await app._catalog.files(known)
    await app._authorization.require(_request(), UPLOAD, "")
    uploads = [_upload(number) for number in range(ROUNDS * CALLS)]
    parts = Parts(app, root)
    every = parts.rights, parts.turn, parts.comparison, parts.listing, parts.names, parts.reading
    found = sum([await _cost(part, uploads) for part in every]) - await _cost(parts.least_reading, uploads)
    while looks := asyncio.all_tasks() - {asyncio.current_task()}:  # at the files that are only listed
        await asyncio.wait(looks)
    await app.stop()
    return found


async def _cost(part: Callable[[Upload], Awaitable[None]], uploads: list[Upload]) -> float:
    """Return milliseconds for each upload, in the middle one of the rounds."""
    found = []
    for first in range(0, len(uploads), CALLS):
        batch = uploads[first : first + CALLS]
        begun = time.process_time()
        for upload in batch:
            await part(upload)
        found.append((time.process_time() - begun) / CALLS * 1000)
    return statistics.median(found)


def _upload(number: int) -> Upload:
    project, version, content = f"project{number % PROJECTS}", f"9.{number}", Content()
    parser = FormParser(f"multipart/form-data; boundary={BOUNDARY}", content)
    parser.feed(form(project, version, {f"{project}/data": os.urandom(18_000)}))
    parser.finish()
    return Upload(project, version, parser, content.data)


def _request() -> Request:
    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    headers = [(b"host", b"index"), (b"authorization", AUTHORIZATION.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers, "client": ("::1", 1)}, receive)
