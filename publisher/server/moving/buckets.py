"""The packages in a bucket as the source or the target of a copy."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from publisher.errors import InvalidDistributionError
from publisher.project.distributions import read_distribution
from publisher.server.moving.portable import PortableFile, PortableProject
from publisher.server.names.filenames import METADATA_SUFFIX, SIGNATURE
from publisher.server.storage.base import LEASE_PATIENCE, Files
from publisher.server.storage.bucket.files import BucketFiles
from publisher.server.storage.bucket.identity import begin_identity, finish_identity, open_identity
from publisher.server.storage.bucket.objects import open_bucket
from publisher.server.storage.bucket.opening import CREDENTIALS
from publisher.server.storage.bucket.storage import BucketStorage
from publisher.server.storage.errors import AbsentError
from publisher.server.store.bucket.incoming import ATTRIBUTES
from publisher.server.store.bucket.leftovers import CLEANING, Leftovers
from publisher.server.store.bucket.record import ProjectRecord, upload_key
from publisher.server.store.bucket.records import FOLDER, project_of, read_record, record_key

HTPASSWD = ".htpasswd"


class BucketSource:
    """An index in a bucket that is read."""

    htpasswd = HTPASSWD

    def __init__(self, url: str) -> None:
        self.objects = open_bucket(url)
        self._identity = open_identity(self.objects, url)
        self._files = BucketFiles(self.objects, self._identity)
        self.files: Files = self._files
        self.accounts: Files | None = BucketFiles(self.objects.below(CREDENTIALS), self._identity)

    def names(self) -> Iterator[str]:
        """Yield the names of all projects that were ever published."""
        for key, _ in self._files.walk(FOLDER):
            name = project_of(key)
            if name is not None:
                yield name

    def project(self, name: str) -> PortableProject:
        """Return a project."""
        record = read_record(self._files, name).record
        files = tuple(self._file(record, filename) for filename in record.files)
        return PortableProject(name, files, record.deleted, record.maintainers)

    def fetch(self, project: PortableProject, file: PortableFile, path: Path) -> None:
        """Download a file."""
        record = read_record(self._files, project.name).record
        self.objects.download(record.key(file.filename), path)

    def leftovers(self) -> Leftovers:
        """Return the finder of objects that no record lists."""
        return Leftovers(self.objects, self._files, self._identity.identifier)

    def remove_leftovers(self) -> list[str]:
        """Remove them as a running index does, also after a restore, and return their keys."""

        async def run() -> list[str]:
            async with BucketStorage(self.objects, self._identity).lease(CLEANING, patience=LEASE_PATIENCE):
                return await asyncio.to_thread(self.leftovers().clean_checked)

        return asyncio.run(run())

    def _file(self, record: ProjectRecord, filename: str) -> PortableFile:
        entry = record.files[filename]
        signature = self.files.read(record.key(filename) + SIGNATURE) if entry.get("signature") else None
        folder = str(entry.get("folder", ""))
        return PortableFile(filename, record.metadata(filename), folder, entry.get("yanked"), signature)


class BucketTarget:
    """An index that is made in a bucket; nothing serves it before it is complete."""

    htpasswd = HTPASSWD

    def __init__(self, url: str) -> None:
        self._objects = open_bucket(url)
        self._identity = begin_identity(self._objects, url)
        self._files = BucketFiles(self._objects, self._identity)
        self.files: Files = self._files
        self.accounts: Files | None = BucketFiles(self._objects.below(CREDENTIALS), self._identity)

    def has(self, project: PortableProject, file: PortableFile) -> bool:
        """Return whether the bytes of a file are there: they are stored in one step, and under their digest."""
        try:
            return self._objects.stat(self._key(project, file)).size == file.metadata.size
        except AbsentError:
            return False

    def add(self, project: PortableProject, file: PortableFile, path: Path) -> None:
        """Store the bytes of a file, and its signature and metadata beside it."""
        key = self._key(project, file)
        beside: list[tuple[str, bytes]] = []
        if file.signature is not None:
            beside.append((SIGNATURE, file.signature))
        if file.metadata.metadata_sha256 is not None:
            with suppress(InvalidDistributionError):  # which the index served without metadata, too
                beside.append((METADATA_SUFFIX, read_distribution(path, file.filename).metadata))
        for suffix, data in beside:
            self._objects.overwrite(key + suffix, data)
        self._objects.upload(key, path, ATTRIBUTES)

    def finish(self, project: PortableProject) -> None:
        """Write the record of a project, unless another attempt has completed the index, which may have changed it."""
        self._identity.require(time.monotonic())
        record = ProjectRecord(project.name).edited()
        for file in project.files:
            more = {"folder": file.folder, "signature": True if file.signature is not None else None}
            record.add(file.filename, self._upload(file), file.metadata, **more)
            if file.yanked is not None:
                record.yank(file.filename, file.yanked)
        for filename, details in project.deleted.items():
            record.reserve(filename, details)
        for account, details in project.maintainers.items():
            record.add_maintainer(account, details)
        self._objects.overwrite(record_key(project.name), record.to_bytes())

    def complete(self) -> None:
        """Give the index its identifier."""
        finish_identity(self._objects, self._identity)

    def _upload(self, file: PortableFile) -> str:
        return f"{self._identity.identifier[:12]}-{file.metadata.sha256[:40]}"

    def _key(self, project: PortableProject, file: PortableFile) -> str:
        return upload_key(project.name, self._upload(file), file.filename)
