"""Making files and folders durable: requests of several threads at a time are synced once, by one of them."""

import os
import threading
from collections.abc import Iterable

from publisher.files.atomic import sync_directory


class GroupSync:
    """
    Syncs paths, many callers with one call of the system.

    Callers that arrive during a sync wait for its end, and the next sync serves them all: a folder that many files were
    added to is synced once for all of them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = _Batch()
        self._busy = False

    def sync(self, files: Iterable[str], folders: Iterable[str]) -> None:
        """Sync files, then folders; raise OSError when one of them can't be synced."""
        files, folders = tuple(files), tuple(folders)
        with self._changed:
            batch = self._waiting
            batch.add(files, folders)
            while self._busy and not batch.done:
                self._changed.wait()
            leads = not batch.done
            if leads:
                self._busy, self._waiting = True, _Batch()
        if leads:
            try:
                batch.run()
            finally:
                with self._changed:
                    batch.done, self._busy = True, False
                    self._changed.notify_all()
        for path in (*files, *folders):
            if path in batch.failures:
                raise batch.failures[path]


class _Batch:
    """The paths that are synced together, and the failures among them."""

    def __init__(self) -> None:
        self._files: dict[str, None] = {}
        self._folders: dict[str, None] = {}
        self.callers = 0
        self.failures: dict[str, OSError] = {}
        self.done = False

    def add(self, files: Iterable[str], folders: Iterable[str]) -> None:
        self.callers += 1
        self._files.update(dict.fromkeys(files))
        self._folders.update(dict.fromkeys(folders))

    def run(self) -> None:
        for paths, sync in ((self._files, _sync_file), (self._folders, sync_directory)):
            for path in paths:
                try:
                    sync(path)
                except OSError as error:
                    self.failures[path] = error


def _sync_file(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
