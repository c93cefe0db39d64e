"""A folder on a disk as a storage: any number of processes, each change synced before it is acknowledged."""

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from publisher.files.atomic import replace_file
from publisher.server.siblings.news import News, NoNews
from publisher.server.storage.base import LEASE_PATIENCE, Files, Lease, Naming, Stat, unnoticed
from publisher.server.storage.durability import write_failure
from publisher.server.storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    StorageUnavailableError,
)
from publisher.server.storage.filelocks import (
    FileClaims,
    FileLease,
    FileLocks,
    give_to_owner,
    make_folder,
    missing_folders,
)
from publisher.server.storage.groupsync import GroupSync
from publisher.server.storage.plainfiles import DISK_FAILURES, append_lines, create_nameless, read_file, stat_of

DOT_FOLDER = ".pypi-publish"

COPIES = f"{DOT_FOLDER}/copies"
"""Files on their way to their names."""

COPY_SECONDS = 86_400.0
"""Age at which a copy is no longer being written."""

_ABSENT = (FileNotFoundError, NotADirectoryError)


class FolderFiles:
    """
    The files below a folder.

    ``group`` makes changes durable, together with others of the same time. ``suffix`` goes to
    the names of logs, for a writer that may not share a file; with ``leased``, files may be replaced and
    removed.
    """

    def __init__(  # noqa: PLR0913 - what all files of a storage share
        self,
        root: Path,
        locks: FileLocks,
        group: GroupSync,
        suffix: str = "",
        mode: int | None = None,
        *,
        leased: bool = True,
    ) -> None:
        self.root = root
        self._base = f"{root}/"
        self._leased = leased
        self._mode = mode
        self._locks = locks
        self._group = group
        self._suffix = suffix
        self._altered = False
        self._created: list[str] = []
        self._unsynced: dict[str, list[str]] = {}
        """The files that the next change makes durable, each with the folders that have to be synced too."""

    @property
    def changed(self) -> bool:
        """Whether anything was changed, or may have been."""
        return self._altered or bool(self._created)

    def undo_creations(self) -> None:
        """Remove the files that were created."""
        while self._created:
            Path(self._created.pop()).unlink(missing_ok=True)

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        """Return the contents of a file, or ``size`` bytes of it from ``start``."""
        with _unavailable():
            return read_file(self._base + key, start, size)

    def stat(self, key: str) -> Stat:
        """Return size, time and version of a file."""
        with _unavailable():
            return stat_of(os.stat(self._base + key))  # noqa: PTH116 - the hot path

    def list(self, prefix: str) -> Sequence[str]:
        """Return the names directly below a prefix."""
        try:
            with _unavailable():
                found = os.listdir(self._base + prefix)  # noqa: PTH208 - names are all that is needed
        except AbsentError:
            return []
        return sorted(name for name in found if not name.startswith("."))

    def create(self, key: str, content: bytes | Path, naming: Naming = unnoticed, *, durable: bool = True) -> Stat:
        """Create a file that is absent."""
        final = self._base + key
        folder = os.path.dirname(final)  # noqa: PTH120 - the hot path
        with _write_failures():
            made: list[Path] = []
            try:
                stat = self._place(final, content, naming, synced=durable)
            except FileNotFoundError:
                made = missing_folders(Path(folder), self.root)
                stat = self._place(final, content, naming, synced=durable)
            give_to_owner(final)
            self._created.append(final)
            if not durable:
                self._unsynced[final] = [folder, *map(str, made)]
                return stat
            try:
                self._sync(folder, *map(str, made))
            except OSError:
                self.undo_creations()
                raise
            return stat

    def replace(self, key: str, content: bytes | Path, version: str | None) -> Stat:
        """Replace a file if it still has a version."""
        self._require_lease()
        path = self.root / key
        with _write_failures():
            make_folder(path.parent, self.root)
            with self._locks.hold_in_thread(f"replace {key}"):
                found = _stat(path).version if path.exists() else None
                if found != version:
                    raise ChangedError
                self._altered = True
                self._sync()
                if isinstance(content, bytes):
                    replace_file(path, content, mode=None if found else self._mode, durable=True)
                else:
                    with self._beside(path, content) as beside:
                        beside.replace(path)
                    self._sync(str(path.parent))
                if found is None:
                    give_to_owner(path)
                return _stat(path)

    def remove(self, key: str) -> None:
        """Remove a file durably."""
        self._require_lease()
        path = self.root / key
        with _write_failures():
            try:
                self._altered = True
                path.unlink()
            except _ABSENT:
                return
            self._sync(str(path.parent))

    def append(self, log: str, batch: bytes, *, durable: bool = True) -> None:
        """Add a batch of lines to a log."""
        path = f"{self._base}{log}{self._suffix}"
        folder = os.path.dirname(path)  # noqa: PTH120 - the hot path
        with _write_failures():
            self._altered = True
            with self._locks.hold_in_thread(f"append {log}"):
                made: list[str] = []
                try:
                    new = append_lines(path, batch)
                except FileNotFoundError:
                    made = list(map(str, missing_folders(Path(folder), self.root)))
                    new = append_lines(path, batch)
            if new:
                give_to_owner(path)
            folders = [folder, *made] if new else made
            if durable:
                self._group.sync([path], folders)
            else:
                self._unsynced[path] = self._unsynced.get(path, []) + folders

    def lines(self, log: str, seen: dict[str, int] | None = None) -> Sequence[bytes]:
        """Return the complete lines of a log, those of its other writers included."""
        found: list[bytes] = []
        for key in (log, *(f"{log}~/{writer}" for writer in self.list(f"{log}~"))):
            with suppress(AbsentError):
                found += (self.read(key) if seen is None else self._read_new(key, seen)).split(b"\n")
        return [line for line in found if line]

    def _read_new(self, key: str, seen: dict[str, int]) -> bytes:
        """Return the lines that were not seen of a file; all of them if it was rewritten."""
        start = seen.get(key, 0)
        data = self.read(key, max(start - 1, 0))
        if start and not data.startswith(b"\n"):
            start, data = 0, self.read(key)
        elif start:
            data = data[1:]
        complete = data[: data.rfind(b"\n") + 1]
        seen[key] = start + len(complete)
        return complete

    def compact(self, log: str, keep: Callable[[Sequence[bytes]], Sequence[bytes]]) -> None:
        """Rewrite a log that is one file with the lines that ``keep`` selects; not where each writer has its own."""
        path = self.root / log
        if self._suffix:
            return
        with _write_failures(), self._locks.hold_in_thread(f"append {log}"):
            lines = [line for line in path.read_bytes().split(b"\n") if line]
            replace_file(path, b"".join(line + b"\n" for line in keep(lines)), durable=True)

    def _require_lease(self) -> None:
        if not self._leased:
            raise RuntimeError("a file is replaced and removed under a lease only: see Storage.writing")

    def _sync(self, *folders: str) -> None:
        """Make folders durable, and before them the files that have waited for this."""
        waiting, self._unsynced = self._unsynced, {}
        self._group.sync(waiting, [*(folder for each in waiting.values() for folder in each), *folders])

    def _place(self, final: str, content: bytes | Path, naming: Naming, *, synced: bool) -> Stat:
        """Give a complete file its name; one that need not be ``synced`` may be so all the same."""
        if isinstance(content, bytes):
            try:
                stat = create_nameless(final, content, self._mode or 0o644, naming, synced=synced)
            except FileExistsError:
                raise ExistsError from None
            if stat is not None:
                return stat
        with self._beside(Path(final), content) as beside:
            stat = _stat(beside)
            with naming(stat):
                self._give_name(beside, Path(final))
            return stat

    def _give_name(self, beside: Path, final: Path) -> None:
        """Give a file its name in one step, without ever replacing another."""
        try:
            os.link(beside, final)
        except FileExistsError:
            raise ExistsError from None
        except OSError as error:
            if error.errno in DISK_FAILURES:
                raise
            with self._locks.hold_in_thread(f"create {final}"):
                if final.exists():
                    raise ExistsError from None
                beside.replace(final)

    @contextmanager
    def _beside(self, final: Path, content: bytes | Path) -> Iterator[Path]:
        """Yield a complete and synced file on the disk of another; remains of it are removed in the end."""
        if isinstance(content, Path) and content.stat().st_dev == final.parent.stat().st_dev:
            yield content  # its owner writes, syncs and removes it
            return
        copies = self.root / COPIES
        make_folder(copies, self.root)
        beside = copies / f"{secrets.token_hex(8)}.part"
        try:
            with beside.open("xb") as file:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, file, 2**22)
                file.flush()
                os.fchmod(file.fileno(), self._mode or 0o644)
                os.fsync(file.fileno())
            yield beside
        finally:
            beside.unlink(missing_ok=True)


class FolderStorage:
    """A folder on a disk: a change is there for everybody as soon as it is made."""

    shared = False
    generation = 0
    oldest_page = 0.0
    is_rebuilt = True
    reading_paused = False

    def __init__(
        self,
        root: Path,
        mode: int | None = None,
        *,
        needs_dot_folder: bool = False,
        news: News | None = None,
        tells: bool = False,
    ) -> None:
        """
        Open a folder; with ``needs_dot_folder``, one without a dot-folder counts as lost, and nothing is created there.

        With ``tells``, every change is announced to the other processes; otherwise callers announce their changes.
        """
        self.root = root
        self.news: News = news or NoNews()
        self._tells = tells
        self._mode = mode
        self._locks = FileLocks(root / DOT_FOLDER if needs_dot_folder else root, root / DOT_FOLDER / "locks")
        self._group = GroupSync()
        self._claims = FileClaims(self._locks, self.files, f"{DOT_FOLDER}/once")

    def known_version(self, key: str) -> str | None:
        """Return the version of a file."""
        return known_version(self.files(), key)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Files]:
        """Return the files."""
        yield self.files(leased=False)

    @asynccontextmanager
    async def writing(
        self,
        lease: Lease | None = None,
        since: float | None = None,  # noqa: ARG002 - always up to date
    ) -> AsyncIterator[Files]:
        """Return the files for changes; each change is durable when its method returns."""
        files = self.files(leased=lease is not None)
        try:
            yield files
        finally:
            if self._tells and files.changed:
                self.news.tell()

    def is_recent(self) -> bool:
        """Return True: there is nothing to bring in."""
        return True

    async def refresh(self, since: float | None = None) -> None:
        """Do nothing: changes are seen at once."""

    @asynccontextmanager
    async def lease(self, name: str, value: str = "", patience: float = LEASE_PATIENCE) -> AsyncIterator[Lease]:  # noqa: ARG002 - a dead holder's lock is free
        """Hold a lock of the file system."""
        try:
            async with self._locks.hold(name, patience):
                yield FileLease(time.monotonic_ns())  # one clock for all processes of a machine
        except OSError as error:
            raise write_failure(error) from error

    async def claim_once(self, name: str, value: str, seconds: float) -> str:
        """Claim a name by creating a file."""
        return await self._claims.claim(name, value, seconds)

    async def start(self) -> None:
        """Remove the copies that killed processes left."""
        await asyncio.to_thread(remove_old_copies, self.root)

    async def stop(self) -> None:
        """Do nothing."""

    def files(self, *, leased: bool = True) -> FolderFiles:
        """Return the files without waiting: on a disk nothing has to be."""
        return FolderFiles(self.root, self._locks, self._group, mode=self._mode, leased=leased)


def known_version(files: FolderFiles, key: str) -> str | None:
    """Return the version of a file on a disk, None for an absent one."""
    try:
        return files.stat(key).version
    except AbsentError:
        return None


def remove_old_copies(root: Path) -> None:
    """Remove unfinished copies of processes that died."""
    for path in (root / COPIES).glob("*.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > COPY_SECONDS:
                path.unlink()


def _stat(path: Path) -> Stat:
    return stat_of(path.stat())


@contextmanager
def _unavailable() -> Iterator[None]:
    """Distinguish absent from unavailable."""
    try:
        yield
    except _ABSENT as error:
        raise AbsentError(str(error)) from error
    except OSError as error:
        raise StorageUnavailableError(f"A file can't be read: {error.strerror or error}.") from error


@contextmanager
def _write_failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_failure(error) from error
