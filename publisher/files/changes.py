"""Changes to text files that are shown before they are made."""

import difflib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from publisher.errors import ConfigurationError
from publisher.files.atomic import replacing


class FileChange(NamedTuple):
    """Old and new text of a file, None for no file; ``private`` makes it the owner's alone."""

    path: Path
    before: str | None
    after: str | None
    private: bool = False

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after

    def diff(self, root: Path) -> list[str]:
        """Return the lines of a unified diff, with paths below ``root``."""
        name = self.path.relative_to(root).as_posix() if self.path.is_relative_to(root) else self.path.as_posix()
        before, after = ("/dev/null" if text is None else name for text in (self.before, self.after))
        old, new = ((text or "").splitlines() for text in (self.before, self.after))
        return list(difflib.unified_diff(old, new, before, after, lineterm=""))


def read_text(path: Path) -> str | None:
    """
    Return a file's text with its line ends and byte order mark as they are; None where there is no file.

    Raises ConfigurationError when it can't be read or is not UTF-8.
    """
    if path.is_fifo():
        raise ConfigurationError(f"{path} is a named pipe, not a file.", path=path)  # reading it would wait for ever
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}.", path=path) from error


def write_changes(changes: Iterable[FileChange]) -> None:
    """
    Write files, each in one step, through links; all of them are on the disk before the first one takes its place.

    Raises ConfigurationError when a file can't be written; it is as it was then.
    """
    pending = list(changes)
    with ExitStack() as stack:
        for change in pending:
            if change.after is not None:
                stack.enter_context(_writing(change.path))
                _stage(stack, change, change.after)
    for change in pending:
        if change.after is None:
            with _writing(change.path):
                change.path.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror or error}.", path=path) from error


def _stage(stack: ExitStack, change: FileChange, text: str) -> None:
    """Write a file's new text beside it; it takes the file's place when the stack is closed."""
    file = stack.enter_context(replacing(change.path, mode=0o600 if change.private else None, durable=True))
    if read_text(change.path) != change.before:
        raise ConfigurationError(f"{change.path} was changed by another program.", hint="Run the command again.")
    if change.path.exists() and not os.access(change.path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))  # replacing would succeed
    file.write(text.encode())
    file.flush()
    os.fsync(file.fileno())  # a full disk shows itself before any file is replaced


def back_up(change: FileChange) -> Path | None:
    """
    Keep a file as it was before the first change, beside it, and return the copy; None where there is nothing to keep.

    Raises ConfigurationError when the copy can't be written.
    """
    copy = change.path.with_name(f"{change.path.name}.before-pypi-publish")
    if change.before is None or copy.exists():
        return None
    with _writing(copy):
        shutil.copy2(change.path, copy)
    return copy
