"""Objects of uploads that no record lists: found, and removed when that has been so for a day."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from publisher.server.storage.base import Stat
from publisher.server.storage.bucket.files import BucketFiles
from publisher.server.storage.bucket.objects import Objects
from publisher.server.storage.errors import AbsentError, StorageUnavailableError
from publisher.server.storage.folder import DOT_FOLDER
from publisher.server.storage.json_text import parse_json
from publisher.server.store.bucket.record import UPLOADS, ProjectRecord
from publisher.server.store.bucket.records import FOLDER, project_of, read_record

KEPT_SECONDS = 86_400
"""Seconds, by the store's clock, that an unlisted object stays."""

STATE = "cleaning.json"
"""The state of the last cleaning: since when each object is unlisted, and the last change of each record."""

CLEANING = "cleaning"
"""The lease under which a bucket is cleaned."""

_CLOCK = f"{DOT_FOLDER}/clock"


@dataclass
class CleaningState:
    """
    The times (seconds since 1970, by the store's clock) since which objects are unlisted, and the records' changes.

    ``held`` stops the cleaning: a record does not follow from the one before, so that the bucket, or a part of it,
    was restored.
    """

    unlisted: dict[str, float] = field(default_factory=dict)
    serials: dict[str, int] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)
    held: bool = False

    def to_bytes(self) -> bytes:
        """Return the state as an object's contents."""
        return json.dumps({"v": 1, **asdict(self)}).encode()

    def note(self, record: ProjectRecord) -> bool:
        """Note the last change of a record; return False, and note nothing, for a record that was restored."""
        serial = self.serials.get(record.name, 0)
        known, found = self.changes.get(record.name), record.change(serial)
        if record.serial < serial or (known is not None and found is not None and known != found):
            return False
        self.serials[record.name] = record.serial
        latest = record.change(record.serial)
        if latest is not None:
            self.changes[record.name] = latest
        return True


class Leftovers:
    """Looks for unlisted objects below the upload folder, one project after another; every method blocks."""

    def __init__(self, objects: Objects, files: BucketFiles, identifier: str) -> None:
        self._objects = objects
        self._files = files
        self._prefix = f"{identifier[:12]}-"

    def projects(self) -> list[str]:
        """Return the names of all projects with uploads or records."""
        uploads = self._objects.names(UPLOADS)[0]
        records = [project_of(f"{FOLDER}/{name}") for name in self._objects.names(FOLDER)[1]]
        return sorted({*uploads, *(name for name in records if name is not None)})

    def record(self, name: str) -> ProjectRecord:
        """Return a project's record, an empty one for none; raise StorageUnavailableError when that is not known."""
        try:
            return read_record(self._files, name).record
        except AbsentError:
            return ProjectRecord(name)

    def of(self, name: str, record: ProjectRecord) -> Iterator[tuple[str, Stat]]:
        """Yield the objects that this index has uploaded for a project, and that its record does not list."""
        listed = set(record.keys())
        for key, stat in self._objects.walk(f"{UPLOADS}/{name}"):
            if key not in listed and self.is_upload(key):
                yield key, stat

    def is_upload(self, key: str) -> bool:
        """Return whether this index has written an object below the upload folder."""
        return key.split("/")[2].startswith(self._prefix)

    def clean_checked(self) -> list[str]:
        """Clean even if a restore has paused that; after a pause, unlisted objects stay for another day."""
        try:
            held = read_state(self._objects).held
        except StorageUnavailableError:  # or not to be understood
            held = True
        if held:
            self._objects.overwrite(STATE, CleaningState().to_bytes())
        return self.clean()

    def clean(self) -> list[str]:
        """
        Remove objects that have been unlisted for a day, and return their keys; none after a restore.

        Under a lease only: two cleanings at a time would lose each other's notes.
        """
        state = read_state(self._objects)
        now = self.store_time()
        if state.held:
            return []
        unlisted: dict[str, float] = {}
        removed: list[str] = []
        for name in self.projects():
            try:
                record = self.record(name)
            except StorageUnavailableError:
                continue  # nothing is known of its files
            if not state.note(record):
                state.held = True
                break
            for key, stat in self.of(name, record):
                since = state.unlisted.get(key, now)
                if min(now - since, now - stat.modified_ns / 1e9) >= KEPT_SECONDS and key not in self._listed(name):
                    self._objects.remove(key)
                    removed.append(key)
                else:
                    unlisted[key] = since
        if not state.held:
            state.unlisted = unlisted
        self._objects.overwrite(STATE, state.to_bytes())
        return removed

    def _listed(self, name: str) -> set[str]:
        """Return the keys that a record lists now: it may have been restored since it was read."""
        return set(self.record(name).keys())

    def store_time(self) -> float:
        """Return the time by the store's clock, in seconds since 1970."""
        self._objects.overwrite(_CLOCK, b"")
        return self._objects.stat(_CLOCK).modified_ns / 1e9


def read_state(objects: Objects) -> CleaningState:
    """Return the state of the last cleaning; raise StorageUnavailableError when it can't be read."""
    try:
        found = objects.read(STATE)
    except AbsentError:
        return CleaningState()
    try:
        record = parse_json(found.data if found is not None else b"")
        changes = dict(record.get("changes", {}))
        return CleaningState(dict(record["unlisted"]), dict(record["serials"]), changes, bool(record["held"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageUnavailableError(f"{STATE} in the bucket can't be understood.") from error
