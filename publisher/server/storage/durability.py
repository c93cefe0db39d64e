"""Failures of the disk as domain errors."""

import errno
import logging
from pathlib import Path
from tempfile import TemporaryFile

from publisher.server.storage.errors import StorageError, StorageFullError, StorageReadOnlyError, StorageWriteError

_log = logging.getLogger(__name__)


def write_failure(error: OSError) -> StorageError:
    """Return the domain error for a file that could not be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFullError("The index has no space left; nothing was stored. Ask its administrator to free some.")
    if is_read_only(error):
        return StorageReadOnlyError("The index's package folder is read-only; nothing was stored.")
    _log.error("cannot write: %s", error)
    return StorageWriteError(
        "The index can't write to its package folder; nothing was stored. Ask its administrator to check the folder."
    )


def try_to_write(folder: Path) -> OSError | None:
    """Try to write a temporary file to a folder; return the error, or None on success."""
    try:
        with TemporaryFile(dir=folder) as probe:
            probe.write(b"ok")
            probe.flush()
    except OSError as error:
        return error
    return None


def is_read_only(error: OSError) -> bool:
    """Return whether a folder refuses to be written because it is mounted or permitted so."""
    return error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}
