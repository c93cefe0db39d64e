"""Copies between a shared volume, where no file may stay open for long, and this machine's disk."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO

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


def copy_of(file: IO[bytes]) -> IO[bytes]:
    """Return a copy of an open file on this machine's disk; it is gone when it is closed."""
    copy = TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    shutil.copyfileobj(file, copy, _BLOCK)
    copy.flush()
    return copy
