"""Copies between a shared volume, where no file may stay open for long, and this machine's disk."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, mkstemp

_BLOCK = 2**22


@contextmanager
def copied(source: Path, folder: Path) -> Iterator[Path]:
    """Copy a file durably into a folder under a hidden name, and take what is left of the copy away in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        NamedTemporaryFile(dir=folder, prefix=".upload-", suffix=".part", delete=False) as copy,
        source.open("rb") as file,
    ):
        shutil.copyfileobj(file, copy, _BLOCK)
        copy.flush()
        os.fsync(copy.fileno())
    path = Path(copy.name)
    try:
        path.chmod(0o644)
        yield path
    finally:
        path.unlink(missing_ok=True)


def copy_of(file: io.FileIO) -> io.FileIO:
    """Return a copy of an open file on this machine's disk; it is gone when it is closed."""
    descriptor, name = mkstemp(prefix="pypi-publish-")
    Path(name).unlink()
    copy = io.FileIO(descriptor, "r+")
    shutil.copyfileobj(file, copy, _BLOCK)
    return copy
