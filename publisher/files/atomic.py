"""Replacing files in one step: a reader sees the old file or the new one, and a failure leaves the old one."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_BINARY = getattr(os, "O_BINARY", 0)
_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}
"""Errors of file systems that can't sync directories."""


def replace_file(path: Path, data: bytes, *, mode: int | None = None, durable: bool = False) -> None:
    """
    Write a file in one step; see `replacing` for ``mode``, ``durable`` and links.

    Raises OSError; the file is as it was then, and nothing is left beside it.
    """
    with replacing(path, mode=mode, durable=durable) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, *, mode: int | None = None, durable: bool = False) -> Iterator[IO[bytes]]:
    """
    Open a hidden file beside ``path``, which takes its place when the body ends, and goes away when the body raises.

    A link stays a link: the file that it points to is replaced. Missing folders are created. ``mode`` is the file's
    from its creation, so that a secret is never readable by others; without it, a file keeps its permissions and a new
    one gets the usual ones. ``durable`` waits until contents and name are on the disk.

    Raises OSError.
    """
    target = _followed(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    before = _status(target)
    beside = target.with_name(f".{os.urandom(8).hex()}.part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, _mode_at_first(mode, before))
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - Path.open takes no descriptor
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        _set_permissions(beside, mode, before)
        beside.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(target.parent)


def sync_directory(path: Path | str) -> None:
    """Make the names in a directory durable, where the system can; raises OSError."""
    if os.name == "nt":
        return  # directories can't be opened there
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def _followed(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError as error:  # before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _mode_at_first(mode: int | None, before: os.stat_result | None) -> int:
    """Return the mode to create a file with, which the umask still lowers: never more open than in the end."""
    if mode is not None:
        return mode
    return 0o600 if before else 0o666


def _set_permissions(beside: Path, mode: int | None, before: os.stat_result | None) -> None:
    if before is not None and os.name != "nt":
        now = beside.stat()
        if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
            with suppress(PermissionError):  # only root may give a file away; another's stays readable as it was
                os.chown(beside, before.st_uid, before.st_gid)
    if mode is not None:
        beside.chmod(mode)
    elif before is not None:
        beside.chmod(stat.S_IMODE(before.st_mode))
