"""Writing to the disk: making it durable, and saying why it failed."""

import errno
import logging
import os
from pathlib import Path

from publisher.server.storage.errors import StorageError, StorageFullError, StorageWriteError

_log = logging.getLogger(__name__)


def storage_error(error: OSError) -> StorageError:
    """Return the domain error for a file that could not be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFullError("The index has no space left; nothing was stored. Tell its administrator.")
    _log.error("cannot write: %s", error)
    return StorageWriteError("The index can't write to its package folder; nothing was stored. Tell its administrator.")


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable; raise OSError when that fails."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(descriptor)
