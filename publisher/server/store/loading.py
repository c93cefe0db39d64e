"""Reading the metadata of a project's files: from its record where that is right, else from the files."""

import errno
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG

from publisher.server.names.filenames import guess
from publisher.server.storage.base import Files
from publisher.server.storage.errors import StorageError
from publisher.server.store.contents import FolderContents
from publisher.server.store.metadata import FileMetadata, ReleaseState, read_metadata
from publisher.server.store.projects import StoredFile
from publisher.server.store.records import Records

_log = logging.getLogger(__name__)

LoadedFiles = tuple[dict[str, StoredFile], ReleaseState]
"""The files of a project by name, and which of them are yanked or deleted."""


class MetadataLoader:
    """Reads and records metadata; every method may block for as long as hashing takes."""

    def __init__(self, contents: FolderContents, records: Records) -> None:
        self._contents = contents
        self._records = records
        self._stopped = False

    def stop(self) -> None:
        """Read no further, in the middle of a file too: earlier records stay."""
        self._stopped = True

    def is_recorded(self, storage: Files, name: str, places: Mapping[str, str]) -> bool:
        """
        Return whether every file of a project has a valid record.

        It makes no `Path`, which would have Python keep the names of all files in a table of its own.
        """
        recorded = self._records.load(storage, name)
        return all(
            filename in recorded and _is_right(recorded[filename], f"{directory}{os.sep}{filename}")
            for filename, directory in places.items()
        )

    def recall(self, storage: Files, name: str, places: Mapping[str, str]) -> LoadedFiles | None:
        """Return as `load` does where every file has a valid record, without opening any; else None."""
        recorded = self._records.load(storage, name)
        files: dict[str, StoredFile] = {}
        state = self._records.state(storage, name)
        for filename, directory in places.items():
            found = recorded.get(filename)
            if found is None or not _is_right(found, f"{directory}{os.sep}{filename}"):
                return None
            files[filename] = self.stored(filename, directory, found, state.yanked.get(filename))
        return files, state

    def load(self, storage: Files, name: str, places: Mapping[str, str]) -> LoadedFiles:
        """Return the files of a project with their metadata, and record each that was not recorded as it is read."""
        recorded = self._records.load(storage, name)
        state = self._records.state(storage, name)
        files: dict[str, StoredFile] = {}
        damaged: OSError | None = None
        for filename, directory in places.items():
            try:
                found = self._metadata(Path(directory, filename), filename, recorded.get(filename))
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                _log.warning("%s is damaged and left out: %s", Path(directory, filename), error.strerror)
                damaged, found = error, None
            if found is None:
                continue
            if found is not recorded.get(filename):
                with suppress(StorageError):  # a record only saves time
                    self._records.add(storage, name, {filename: found})
            files[filename] = self.stored(filename, directory, found, state.yanked.get(filename))
        if damaged is not None and not files:  # rather the disk than a file of it
            raise damaged
        return files, state

    def _metadata(self, path: Path, filename: str, recorded: FileMetadata | None) -> FileMetadata | None:
        """Return the metadata of a file, recorded or read; None for one that is gone, forbidden, or no file."""
        self._checkpoint()
        try:
            status = path.stat()
            if recorded is not None and (recorded.size, recorded.mtime_ns) == (status.st_size, status.st_mtime_ns):
                return recorded
            if not S_ISREG(status.st_mode):
                return None  # opening a pipe would wait for ever
            return _as_before(read_metadata(path, filename, self._checkpoint), recorded)
        except (FileNotFoundError, PermissionError):
            return None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            return None

    def _checkpoint(self) -> None:
        if self._stopped:
            raise OSError(errno.ECANCELED, "the index is ending")

    def stored(self, filename: str, directory: str, metadata: FileMetadata, yanked: str | None) -> StoredFile:
        """Return the entry of a file."""
        guessed = guess(filename)
        version = guessed.version if guessed else ""
        url_path = self._contents.url_path(directory, filename)
        return StoredFile(filename, Path(directory, filename), url_path, version, metadata, yanked)


def _as_before(found: FileMetadata, recorded: FileMetadata | None) -> FileMetadata:
    """Keep uploader and upload time of a file that has other times only: it was restored from a backup."""
    if recorded is None or (recorded.size, recorded.sha256) != (found.size, found.sha256):
        return found
    return replace(found, uploaded=recorded.uploaded, uploader=recorded.uploader, origin=recorded.origin)


def is_as_recorded(file: StoredFile) -> bool:
    """Return whether a file has the size and time that its metadata was read at."""
    return _is_right(file.metadata, file.path)


def _is_right(metadata: FileMetadata, path: Path | str) -> bool:
    try:
        status = os.stat(path)  # noqa: PTH116 - for every file of a project
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (metadata.size, metadata.mtime_ns)
