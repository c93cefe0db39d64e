"""Files of a cache, put into their places in one step and with few system calls."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def temporary_in(cache: Path) -> Path:
    """Return a new path in the folder of unfinished files, whose leftovers are removed after a day."""
    return cache / "tmp" / secrets.token_hex(12)


def put_file(cache: Path, place: Path, data: bytes, *, durable: bool = False, modified: float | None = None) -> None:
    """
    Write a file whole or not at all; ``modified`` is its time in seconds since 1970.

    Without ``durable`` it may be empty or damaged after a power failure, so its reader must be able to tell.
    Raises OSError.
    """
    temporary = temporary_in(cache)
    try:
        descriptor = os.open(temporary, _FLAGS, 0o666)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if modified is not None:
            os.utime(temporary, (modified, modified))
        move(temporary, place)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def move(temporary: Path, place: Path) -> None:
    """Give a file its place, whose folder is created if there is none; raises OSError."""
    try:
        os.replace(temporary, place)  # noqa: PTH105 - Path.replace resolves nothing more and costs more
    except FileNotFoundError:
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, place)  # noqa: PTH105
