"""A lock between processes, for files that are read, changed and replaced."""

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from publisher.waiting import waiting_for

LIMIT = 15.0
"""Seconds until another process's lock is given up: it holds it for milliseconds, unless it hangs."""

_PAUSE = 0.02
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_TAKEN = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Keep other processes that call this for the same path waiting until the body ends.

    The lock is a file beside it, which stays. Where the file system has no locks, nothing is kept waiting.

    Raises OSError when the lock can't be created, or when another process does not give it up.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with waiting_for(f"another process that changes {path}"):
            _acquire(descriptor)
        yield
    finally:
        os.close(descriptor)  # which gives the lock up


def _acquire(descriptor: int) -> None:
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            _try(descriptor)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return
            if error.errno not in _TAKEN:
                raise
        else:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(errno.ETIMEDOUT, "another process keeps it locked")
        time.sleep(_PAUSE)


if sys.platform == "win32":
    import msvcrt

    def _try(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
