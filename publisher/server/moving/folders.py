"""A package folder, as pypiserver and plain web servers understand it, as the source or the target of a copy."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from publisher.errors import CheckFailedError
from publisher.server.moving.portable import Details, PortableFile, PortableProject
from publisher.server.names.filenames import SIGNATURE, guess
from publisher.server.storage.base import Files
from publisher.server.storage.errors import AbsentError, ExistsError, StorageUnavailableError
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.ledger import NAMES, read_packages_ledger, state_lines
from publisher.server.store.metadata import FileMetadata, read_metadata
from publisher.server.store.records import MAINTAINER, Records
from publisher.server.store.scan import read_folders
from publisher.server.store.spool import digest_file


class FolderPackages:
    """The files of a folder and those below it, with their records."""

    def __init__(self, root: Path, htpasswd: Path | None = None) -> None:
        self.root = root.absolute()
        self.files: Files = FolderStorage(self.root).files()
        self.accounts: Files | None = None
        self.htpasswd = ""
        if htpasswd is not None:
            self.accounts = FolderStorage(htpasswd.absolute().parent, mode=0o600).files()
            self.htpasswd = htpasswd.name
        self._records = Records()
        self._places: dict[str, dict[str, Path]] | None = None

    def names(self) -> Iterator[str]:
        """Yield the names of all projects that were ever published."""
        found = self._records.names(self.files) | read_packages_ledger(self.files).names
        yield from sorted(found | self._scanned().keys())

    def project(self, name: str) -> PortableProject:
        """Return a project."""
        recorded = self._records.load(self.files, name)
        yanked, deleted = self._marks(name, "yanked"), self._marks(name, "deleted")
        maintainers = {unquote(account): mark for account, mark in self._marks(name, MAINTAINER).items()}
        files = tuple(
            self._file(filename, path, recorded.get(filename), yanked.get(filename))
            for filename, path in sorted(self._scanned().get(name, {}).items())
        )
        return PortableProject(name, files, deleted, maintainers)

    def fetch(self, project: PortableProject, file: PortableFile, path: Path) -> None:
        """Copy a file to a path."""
        shutil.copyfile(self._scanned()[project.name][file.filename], path)

    def has(self, project: PortableProject, file: PortableFile) -> bool:
        """Return whether a file is there, complete and recorded."""
        with suppress(AbsentError):
            recorded = self._records.load(self.files, project.name).get(file.filename)
            stat = self.files.stat(file.folder + file.filename)
            return recorded is not None and recorded.sha256 == file.metadata.sha256 and stat.size == recorded.size
        return False

    def add(self, project: PortableProject, file: PortableFile, path: Path) -> None:
        """Store a file and its metadata."""
        key = file.folder + file.filename
        try:
            self.files.create(key, path)
        except ExistsError:
            self._require_same(key, file)
        if file.signature is not None:
            with suppress(ExistsError):
                self.files.create(key + SIGNATURE, file.signature)
        stat = self.files.stat(key)
        metadata = replace(file.metadata, mtime_ns=stat.modified_ns)
        self._records.add(self.files, project.name, {file.filename: metadata}, durable=True)

    def _require_same(self, key: str, file: PortableFile) -> None:
        found = digest_file(self.root / key, "sha256")
        if found != file.metadata.sha256:
            raise CheckFailedError(
                f"{self.root / key} exists with other contents: its sha256 is {found}, not {file.metadata.sha256}.",
                hint="Copy to an empty folder, or move that file away; then copy again.",
            )

    def finish(self, project: PortableProject) -> None:
        """Note the name of a project, its yanks, tombstones and maintainers."""
        for file in project.files:
            if file.yanked is not None:
                self._records.mark(self.files, (project.name, file.filename), "yanked", file.yanked)
        for filename, details in project.deleted.items():
            self._records.mark(self.files, (project.name, filename), "deleted", details)
        for account, details in project.maintainers.items():
            self._records.add_maintainer(self.files, project.name, account, details)
        self.files.append(NAMES, state_lines(None, [project.name]))

    def complete(self) -> None:
        """Do nothing: the index makes its identifier when it first serves the folder."""

    def _scanned(self) -> dict[str, dict[str, Path]]:
        """Return the path of every file, by project and name; of equal names the first counts, as when it is served."""
        if self._places is None:
            self._places = {}
            try:
                listings = read_folders([self.root], {})
            except OSError as error:
                raise StorageUnavailableError(str(error)) from error
            for directory, listing in listings.items():
                for filename in listing.files:
                    guessed = guess(filename)
                    if guessed is not None and not filename.endswith(SIGNATURE):
                        place = self._places.setdefault(guessed.project, {})
                        place.setdefault(filename, Path(directory, filename))
        return self._places

    def _file(self, filename: str, path: Path, recorded: FileMetadata | None, yanked: Details | None) -> PortableFile:
        status = path.stat()
        if recorded is None or (recorded.size, recorded.mtime_ns) != (status.st_size, status.st_mtime_ns):
            recorded = read_metadata(path, filename)
        folder = os.path.relpath(path.parent, self.root).replace(os.sep, "/")
        signature = path.with_name(path.name + SIGNATURE)
        return PortableFile(
            filename,
            recorded,
            "" if folder == "." else f"{folder}/",
            yanked,
            signature.read_bytes() if signature.is_file() else None,
        )

    def _marks(self, name: str, kind: str) -> dict[str, Details]:
        found: dict[str, Details] = {}
        for filename, data in self._records.marks(self.files, name, kind):
            with suppress(ValueError):  # the mark counts also where its details can't be read
                found[filename] = json.loads(data)
            found.setdefault(filename, {})
        return found
