"""Writing plain files with few system calls: a complete one under a new name, and lines at the end of a log."""

import errno
import os
import stat

from publisher.server.storage.base import Naming, Stat

DISK_FAILURES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
"""Failures of a link that are failures of the disk, and no sign that a file system has no links."""

_NAMELESS = getattr(os, "O_TMPFILE", 0)
"""Opens a file without a name in a folder, on Linux; elsewhere a folder can't be opened for writing (EISDIR)."""

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_NO_NAMELESS = {errno.EISDIR, errno.EOPNOTSUPP, errno.EINVAL}
"""Errors of systems and file systems without such files."""


def read_file(path: str, start: int = 0, size: int | None = None) -> bytes:
    """
    Return the contents of a file, or ``size`` bytes of it from ``start``; raise OSError for a pipe or a device.

    A pipe would hold the thread until another program writes to it, and a device may have no end.
    """
    descriptor = os.open(path, _READ)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file")
        if start:
            os.lseek(descriptor, start, os.SEEK_SET)
        left = max(found.st_size - start, 0) if size is None else size
        pieces: list[bytes] = []
        while left and (piece := os.read(descriptor, left)):
            pieces.append(piece)
            left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    finally:
        os.close(descriptor)


def create_nameless(final: str, content: bytes, mode: int, naming: Naming, *, synced: bool = True) -> Stat | None:
    """
    Write a file that has no name before it is complete and ``synced``, so that a killed process leaves nothing of it.

    ``naming`` is entered before the file has its name and left after. Returns None, and leaves nothing, where the
    system has no such files. Raises FileExistsError for a taken name and OSError for a failure of the disk.
    """
    try:
        descriptor = os.open(os.path.dirname(final), _NAMELESS | os.O_WRONLY, 0o600)  # noqa: PTH120 - the hot path
    except OSError as error:
        if error.errno not in _NO_NAMELESS:
            raise
        return None
    try:
        _write(descriptor, content)
        os.fchmod(descriptor, mode)
        if synced:
            os.fsync(descriptor)
        found = stat_of(os.fstat(descriptor))
        with naming(found):
            return found if _name(descriptor, final) else None
    finally:
        os.close(descriptor)


def append_lines(path: str, lines: bytes) -> bool:
    """Add lines to a file, after ending one that a killed writer began; return whether the file is new."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
        _write(descriptor, b"\n" + lines if torn else lines)
        return not size
    finally:
        os.close(descriptor)


def stat_of(found: os.stat_result) -> Stat:
    """Return the state of a file; its version follows the contents."""
    return Stat(found.st_size, found.st_mtime_ns, f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}")


def _name(descriptor: int, final: str) -> bool:
    try:
        os.link(f"/proc/self/fd/{descriptor}", final, src_dir_fd=descriptor)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno in DISK_FAILURES:
            raise
        return False  # without /proc, or without links
    return True


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])
