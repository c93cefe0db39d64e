"""A Modal volume made of folders: one that holds what is committed, and one for each container that mounts it."""

import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from grpclib import GRPCError, Status

Stamp = tuple[int, int, int]


@dataclass
class Trouble:
    """Injected failures: how long commits and reloads take, in seconds, and how many of the next ones fail."""

    slow_commit: float = 0.0
    slow_reload: float = 0.0
    failing_commits: int = 0
    failing_reloads: int = 0


class Mount:
    """
    A container's view of a volume: changes are others' business once committed, and others' changes ours once reloaded.

    As on Modal, the last writer of a file wins, a reload is refused while the container has a file of the volume open,
    and the folder looks empty while it runs.
    """

    def __init__(self, store: Path, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.trouble = Trouble()
        self.pid: int | None = None
        self.commits = 0
        self.reloads = 0
        self.refused = 0
        self._known: dict[str, Stamp] = {}
        self._lock = threading.Lock()
        store.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True)
        self._bring_in()

    def commit(self) -> None:
        time.sleep(self.trouble.slow_commit)
        if self.trouble.failing_commits:
            self.trouble.failing_commits -= 1
            raise GRPCError(Status.FAILED_PRECONDITION, "commit failed: made up")
        with self._lock:
            self._send_out()
        self.commits += 1

    def reload(self) -> None:
        if self.trouble.failing_reloads:
            self.trouble.failing_reloads -= 1
            raise GRPCError(Status.FAILED_PRECONDITION, "reload failed: made up")
        with self._lock:
            if self.open_files():
                self.refused += 1
                raise GRPCError(Status.FAILED_PRECONDITION, "there are open files preventing the operation")
            hidden = self.folder.with_name(self.folder.name + ".hidden")
            self.folder.rename(hidden)
            self.folder.mkdir()
            time.sleep(self.trouble.slow_reload)
            shutil.rmtree(self.folder)
            hidden.rename(self.folder)
            self._bring_in()
        self.reloads += 1

    def open_files(self) -> list[str]:
        """Return the files of the folder that the container's process has open."""
        found = []
        for entry in Path(f"/proc/{self.pid}/fd").iterdir() if self.pid else ():
            try:
                target = str(entry.readlink())
            except OSError:
                continue
            if target.startswith(f"{self.folder}/"):
                found.append(target)
        return found

    def _send_out(self) -> None:
        now = _stamps(self.folder)
        for name, stamp in now.items():
            if self._known.get(name) != stamp:
                _copy(self.folder / name, self.store / name)
        for name in self._known.keys() - now.keys():
            (self.store / name).unlink(missing_ok=True)
        self._known = now

    def _bring_in(self) -> None:
        """Take over what is committed, but for the files that were changed here since."""
        now, committed = _stamps(self.folder), _stamps(self.store)
        dirty = {name for name in now.keys() | self._known.keys() if now.get(name) != self._known.get(name)}
        for name in committed.keys() - dirty:
            mine = now.get(name)
            if mine is None or mine[1:] != committed[name][1:]:
                _copy(self.store / name, self.folder / name)
        for name in now.keys() - committed.keys() - dirty:
            (self.folder / name).unlink()
        known = {name: stamp for name, stamp in _stamps(self.folder).items() if name not in dirty}
        self._known = known | {name: self._known[name] for name in dirty & self._known.keys()}


@dataclass
class Volume:
    """The committed files of one volume, and its mounts."""

    store: Path
    mounts: list[Mount] = field(default_factory=list)

    def mount(self, folder: Path) -> Mount:
        mount = Mount(self.store, folder)
        self.mounts.append(mount)
        return mount


def _stamps(folder: Path) -> dict[str, Stamp]:
    found = {}
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            found[str(path.relative_to(folder))] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def _copy(source: Path, target: Path) -> None:
    """Copy a file in one step, with its times; one that is gone meanwhile was a temporary one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.volume")
    try:
        shutil.copy2(source, beside)
    except FileNotFoundError:
        return
    beside.replace(target)
