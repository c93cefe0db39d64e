"""Changes to text files that are shown before they are made."""

import difflib
import errno
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from publisher.errors import ConfigurationError


@dataclass(frozen=True)
class Draft:
    """A file as it is and as it shall be, each None where there is none; ``private`` makes it the owner's alone."""

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
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}.", path=path) from error


def write_drafts(drafts: Iterable[Draft]) -> None:
    """
    Write files, each in one step, through links; all of them are on the disk before the first one takes its place.

    Raises ConfigurationError when a file can't be written; it is as it was then.
    """
    ready: list[tuple[Path, Path]] = []
    gone: list[Path] = []
    try:
        for draft in drafts:
            if draft.after is None:
                gone.append(draft.path)
                continue
            target = draft.path.resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            if read_text(draft.path) != draft.before:
                raise ConfigurationError(f"{draft.path} has changed meanwhile.", hint="Run the command again.")
            if target.exists() and not os.access(target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))  # replacing would succeed
            ready.append((_write_beside(target, draft.after, _mode(target, private=draft.private)), target))
        for temporary, target in ready:
            temporary.replace(target)
        for path in gone:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{error.filename} can't be written: {error.strerror}.") from error
    finally:
        for temporary, _ in ready:
            temporary.unlink(missing_ok=True)


def back_up(draft: Draft) -> Path | None:
    """
    Keep a file as it was before the first change, beside it, and return the copy; None where there is nothing to keep.

    Raises ConfigurationError when the copy can't be written.
    """
    copy = draft.path.with_name(f"{draft.path.name}.before-pypi-publish")
    if draft.before is None or copy.exists():
        return None
    try:
        shutil.copy2(draft.path, copy)
    except OSError as error:
        raise ConfigurationError(f"{copy} can't be written: {error.strerror}.") from error
    return copy


def _write_beside(target: Path, text: str, mode: int) -> Path:
    with NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        path = Path(file.name)
        try:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            path.chmod(mode)
        except OSError:
            path.unlink()
            raise
    return path


def _mode(target: Path, *, private: bool) -> int:
    if private:
        return 0o600
    return target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
