"""Files that the processes of one index inherit, and locks among them: byte ranges of such a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile


@contextmanager
def inherited_file() -> Iterator[int]:
    """Return the descriptor of an empty file without a name, in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pypi-publish")
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    else:
        with TemporaryFile() as file:
            yield file.fileno()


@contextmanager
def held(file: int, place: int = 0) -> Iterator[None]:
    """Hold the lock of a byte; waits for another process, whose locks end with it."""
    import fcntl  # noqa: PLC0415 - there is none on Windows, where the index does not run

    fcntl.lockf(file, fcntl.LOCK_EX, 1, place, os.SEEK_SET)
    try:
        yield
    finally:
        release(file, place)


def try_hold(file: int, place: int = 0) -> bool:
    """Take the lock of a byte, to be given back with `release`; return False where another process has it."""
    import fcntl  # noqa: PLC0415 - as above

    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place, os.SEEK_SET)
    except (BlockingIOError, PermissionError):
        return False
    return True


def release(file: int, place: int = 0) -> None:
    """Give the lock of a byte back."""
    import fcntl  # noqa: PLC0415 - as above

    fcntl.lockf(file, fcntl.LOCK_UN, 1, place, os.SEEK_SET)
