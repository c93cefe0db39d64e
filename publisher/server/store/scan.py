"""Scans of the package folders, and their differences."""

import enum
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from publisher.server.storage.folder import DOT_FOLDER

RACY_NS = 2_000_000_000
"""Nanoseconds that a directory's time may lag behind its contents: one that changed so recently is read again."""

FINE_RACY_NS = 50_000_000
"""The same where the file system's times have fractions of a millisecond: those come from a clock of 4 or 10 ms."""


@dataclass(frozen=True, slots=True)
class DirectoryListing:
    """One directory as it was read: its time in nanoseconds, whether that is too recent to trust, and its entries."""

    mtime_ns: int
    racy: bool
    files: frozenset[str]
    folders: tuple[str, ...]


Listings = Mapping[str, DirectoryListing]
LeftTimes = tuple[str, int, int]
"""A directory, and the times (nanoseconds since 1970) that it had before and after a change."""

_KEPT_TIMES = 256
"""Changes whose times are kept until the change before them is known."""

_Identity = tuple[int, int]
"""The device and the inode of a directory."""

_log = logging.getLogger(__name__)


class FolderLostError(OSError):
    """The package folder can't be read, or is suddenly empty as that of an unmounted disk is."""


class ScanResult(enum.Enum):
    """The outcome of comparing the times of the directories."""

    SAME = enum.auto()
    RACY = enum.auto()
    """The same, but one had changed so shortly before it was read that it may have changed again unnoticed."""
    CHANGED = enum.auto()


class OwnChanges:
    """
    Directory times after this process's own uploads, if no other process had changed the directories before.

    Without them, each upload would make the next one re-read the whole folder. If the file system's clock ticks too
    slowly to tell another process's change from ours, uploads miss that change; requests for pages don't, because they
    compare with the last scan.
    """

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._later: dict[str, dict[int, int]] = {}
        """For directories, the times after changes that began at a time which is not known yet."""
        self.tell: Callable[[LeftTimes], None] = lambda _: None
        """Notifies other processes of this index how a directory was left; called in any thread."""
        self.steps = 0
        """Incremented when a change begins and again when it ends, so it is odd during a change."""
        self._lock = threading.Lock()

    @contextmanager
    def change(self, directory: str, listings: Listings) -> Iterator[None]:
        """Note the time of a directory after a change to it; one thread at a time."""
        with self._lock:
            self.steps += 1
            try:
                before = _mtime_ns(directory)
                yield
                after = _mtime_ns(directory)
                self._note(directory, before, after, listings)
                self.tell((directory, before, after))
            finally:
                self.steps += 1

    def learn(self, times: Iterable[LeftTimes], listings: Listings) -> None:
        """Take a change of another process that serves the same index for one's own."""
        with self._lock:
            for directory, before, after in times:
                self._note(directory, before, after, listings)

    def are_all_since(self, listings: Listings) -> bool:
        """Return True if no other process has changed any directory since it was read: one system call a directory."""
        try:
            return all(self._is_known(path, _mtime_ns(path), listings) for path in listings)
        except OSError:
            return False

    def _note(self, directory: str, before: int, after: int, listings: Listings) -> None:
        later = self._later.setdefault(directory, {})
        later[before] = max(after, later.get(before, 0))
        if len(later) > _KEPT_TIMES:
            later.clear()
        at = before
        while at in later and self._is_known(directory, at, listings):
            at = self._left[directory] = later.pop(at)

    def _is_known(self, directory: str, mtime_ns: int, listings: Listings) -> bool:
        listing = listings.get(directory)
        return mtime_ns == self._left.get(directory) or (listing is not None and mtime_ns == listing.mtime_ns)


def compare_times(listings: Listings) -> ScanResult:
    """
    Compare every directory's time with the one it had when it was read: one system call a directory.

    Raises FolderLostError when one can't be looked at.
    """
    racy = False
    try:
        for path, listing in listings.items():
            if _mtime_ns(path) != listing.mtime_ns:
                return ScanResult.CHANGED
            racy = racy or listing.racy
    except FileNotFoundError:
        return ScanResult.CHANGED
    except OSError as error:
        raise FolderLostError(error.errno, f"the package folder can't be read: {error.strerror}") from error
    return ScanResult.RACY if racy else ScanResult.SAME


def read_folders(roots: Sequence[Path], known: Listings, *, trust_times: bool = True) -> dict[str, DirectoryListing]:
    """
    Return the entries of the folders and below them, taking from ``known`` the directories that did not change.

    Hidden files and folders are left out. Raises FolderLostError when a root can't be read, or has lost everything, the
    folder of the records included.
    """
    found: dict[str, DirectoryListing] = {}
    for root in roots:
        try:
            found.update(_read_tree(str(root), known if trust_times else {}, frozenset()))
        except OSError as error:
            raise FolderLostError(error.errno, f"the package folder {root} can't be read: {error.strerror}") from error
    if any(known[path].files for path in known) and not any(listing.files for listing in found.values()):
        first = roots[0]
        if not (first / DOT_FOLDER).is_dir():
            raise FolderLostError(f"the package folder {first} is suddenly empty: is its disk mounted?")
    return found


def differences(before: Listings, after: Listings) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """Yield for every directory that changed its path, the files that came, and those that went, in their order."""
    nothing: frozenset[str] = frozenset()
    for path in {**after, **before}:
        old = before[path].files if path in before else nothing
        new = after[path].files if path in after else nothing
        if old is not new and old != new:
            yield path, new - old, old - new


def _read_tree(path: str, known: Listings, above: frozenset[_Identity]) -> Iterator[tuple[str, DirectoryListing]]:
    """Yield a directory and those below it; ``above`` are those it lies in, so that a link to one ends the way."""
    status = os.stat(path)  # noqa: PTH116 - text, for 100,000 files
    identity = status.st_dev, status.st_ino
    if identity in above:
        return
    listing = _read_directory(path, status.st_mtime_ns, known.get(path))
    yield path, listing
    for folder in listing.folders:
        below = os.path.join(path, folder)  # noqa: PTH118
        try:
            yield from _read_tree(below, known, above | {identity})
        except FileNotFoundError:
            continue  # it went away between the two looks
        except PermissionError:
            if below in known:
                raise  # a listed file must not vanish
            _warn_unreadable(below)  # such as lost+found, which every ext4 disk has


def _read_directory(path: str, mtime_ns: int, known: DirectoryListing | None) -> DirectoryListing:
    if known is not None and not known.racy and known.mtime_ns == mtime_ns:
        return known
    racy = mtime_ns > time.time_ns() - (FINE_RACY_NS if mtime_ns % 1_000_000 else RACY_NS)
    with os.scandir(path) as entries:
        files: list[str] = []
        folders: list[str] = []
        for entry in entries:
            name = entry.name
            if name.startswith(".") or not _is_text(name):
                continue
            if _is_folder(entry):
                folders.append(name)
            else:
                files.append(name)
    found = frozenset(files)
    if known is not None and known.files == found:
        found = known.files
    return DirectoryListing(mtime_ns, racy, found, tuple(sorted(folders)))


def _mtime_ns(path: str) -> int:
    return os.stat(path).st_mtime_ns  # noqa: PTH116 - the hot path


def _is_text(name: str) -> bool:
    """Return whether a name can be written on a page; one from an old disk or share may not be UTF-8."""
    if name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name):
        return True
    _warn_unreadable(ascii(name))
    return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads to itself


@cache
def _warn_unreadable(path: str) -> None:
    """Say once that a file or folder is left out."""
    _log.warning("%s can't be read, or has a name that is not UTF-8, and is left out", path)
