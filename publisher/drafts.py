"""Changes to text files that are shown before they are made."""

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from publisher.errors import ConfigurationError


@dataclass(frozen=True)
class Draft:
    """A file as it is, None where there is none, and as it shall be."""

    path: Path
    before: str | None
    after: str

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.before != self.after

    def diff(self, root: Path) -> list[str]:
        """Return the lines of a unified diff, with paths below ``root``."""
        name = self.path.relative_to(root).as_posix()
        old = (self.before or "").splitlines()
        before = "/dev/null" if self.before is None else f"a/{name}"
        return list(difflib.unified_diff(old, self.after.splitlines(), before, f"b/{name}", lineterm=""))


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
    ready: list[tuple[str, Path]] = []
    try:
        for draft in drafts:
            target = draft.path.resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
                ready.append((file.name, target))
                file.write(draft.after.encode())
                file.flush()
                os.fsync(file.fileno())
            mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
            Path(file.name).chmod(mode)
        for temporary, target in ready:
            Path(temporary).replace(target)
    except OSError as error:
        raise ConfigurationError(f"{error.filename} can't be written: {error.strerror}.") from error
    finally:
        for temporary, _ in ready:
            Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
