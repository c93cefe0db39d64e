"""Records of the files of each project besides their bytes, in small files of the package storage."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any
from urllib.parse import quote, unquote

from publisher.server.storage.base import Files, put
from publisher.server.storage.errors import AbsentError, ExistsError, StorageError
from publisher.server.storage.folder import DOT_FOLDER
from publisher.server.storage.json_text import parse_json
from publisher.server.store.metadata import FileMetadata, ReleaseState

FORMAT = 1
"""Version of the records that this module writes; it passes over newer ones, and keeps them."""

_METADATA = f"{DOT_FOLDER}/facts"
_STATES = f"{DOT_FOLDER}/marks"
MAINTAINER = "maintainer"
_FIELDS = dict.fromkeys(field.name for field in fields(FileMetadata))

_COMPACT_ABOVE = 64
"""Lines that a record may have more than twice the files it describes before it is written anew."""

_LONGEST_NAME = 255 - len(".jsonl~")

_log = logging.getLogger(__name__)


class Records:
    """
    The records of a package storage: metadata in one log a project, yanks and tombstones in one small file each.

    Metadata may be lost at any time and is read again. Yanks and tombstones are files of their own, so that two writers
    don't undo each other's. They are kept in memory too, in case their folder is removed under a running index.
    """

    def __init__(self) -> None:
        self._marks: dict[str, bytes] = {}

    def remember(self, files: Files) -> None:
        """Read all yanks and tombstones."""
        for project in files.list(_STATES):
            for name in files.list(f"{_STATES}/{project}"):
                with suppress(AbsentError):
                    self._marks[f"{_STATES}/{project}/{name}"] = files.read(f"{_STATES}/{project}/{name}")

    def remake(self, files: Files) -> None:
        """Write all yanks and tombstones again, but for those that another process has written."""
        for key, data in list(self._marks.items()):
            with suppress(ExistsError):
                files.create(key, data)

    def load(self, files: Files, project: str) -> dict[str, FileMetadata]:
        """Return the metadata of a project's files by file name; lines that make no sense are passed over."""
        try:
            lines = files.lines(_log_of(project))
        except StorageError as error:
            _log.warning("the record of %s can't be read, its files are read instead: %s", project, error)
            return {}
        found: dict[str, FileMetadata] = {}
        for line in lines:
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                record = parse_json(line)
                if record.get("v", FORMAT) <= FORMAT:
                    known = {name: value for name, value in record.items() if name in _FIELDS}
                    found[str(record["filename"])] = FileMetadata(**known)
        if len(lines) > 2 * len(found) + _COMPACT_ABOVE:
            with suppress(StorageError):
                files.compact(_log_of(project), _newest_lines)
        return found

    def add(self, files: Files, project: str, metadata: Mapping[str, FileMetadata], *, durable: bool = False) -> None:
        """Append the metadata of some of a project's files, which becomes durable with the next file at the latest."""
        lines = b"".join(_line(filename, each) for filename, each in metadata.items())
        files.append(_log_of(project), lines, durable=durable)

    def names(self, files: Files) -> set[str]:
        """Return the names of all projects that have or had records."""
        logs = {name.removesuffix("~").removesuffix(".jsonl") for name in files.list(_METADATA)}
        return logs | set(files.list(_STATES))

    def knows(self, files: Files, project: str) -> bool:
        """Return whether a project has or had files here."""
        if not may_have_records(project):
            return False
        if files.list(f"{_STATES}/{project}") or files.list(f"{_log_of(project)}~"):
            return True
        try:
            files.stat(_log_of(project))
        except AbsentError:
            return False
        return True

    def state(self, files: Files, project: str) -> ReleaseState:
        """Return which of a project's files are yanked or deleted."""
        found: dict[str, dict[str, str]] = {"yanked": {}, "deleted": {}}
        for name in files.list(f"{_STATES}/{project}"):
            filename, _, kind = name.rpartition(".")
            if kind in found:
                with suppress(AbsentError):
                    found[kind][filename] = _reason(files.read(f"{_STATES}/{project}/{name}"))
        return ReleaseState(found["yanked"], found["deleted"])

    def marks(self, files: Files, project: str, kind: str) -> Iterator[tuple[str, bytes]]:
        """Yield the name of every file of a project that has a mark of a kind, and the mark as it is written."""
        for name in files.list(f"{_STATES}/{project}"):
            filename, _, suffix = name.rpartition(".")
            if suffix == kind:
                with suppress(AbsentError):
                    yield filename, files.read(f"{_STATES}/{project}/{name}")

    def marked(self, files: Files) -> Sequence[str]:
        """Return the names of the projects that have marks of any kind."""
        return files.list(_STATES)

    def maintainers(self, files: Files, project: str) -> frozenset[str]:
        """Return the accounts that maintain a project."""
        suffix = f".{MAINTAINER}"
        names = files.list(f"{_STATES}/{project}")
        return frozenset(unquote(name.removesuffix(suffix)) for name in names if name.endswith(suffix))

    def add_maintainer(
        self, files: Files, project: str, account: str, details: Mapping[str, Any], *, durable: bool = True
    ) -> None:
        """Add a maintainer of a project; a file for each, so that two writers don't undo each other's."""
        self.mark(files, (project, quote(account, safe="")), MAINTAINER, details, durable=durable)

    def remove_maintainer(self, files: Files, project: str, account: str) -> None:
        """Remove a maintainer of a project, if it is one."""
        self.unmark(files, (project, quote(account, safe="")), MAINTAINER)

    def mark(
        self, files: Files, place: tuple[str, str], kind: str, details: Mapping[str, Any], *, durable: bool = True
    ) -> None:
        """Mark a file of a project ``yanked`` or ``deleted``, with a reason and the user; `put` has ``durable``."""
        key = f"{_STATES}/{place[0]}/{place[1]}.{kind}"
        data = json.dumps({"v": FORMAT, **details}).encode()
        put(files, key, data, durable=durable)
        self._marks[key] = data

    def unmark(self, files: Files, place: tuple[str, str], kind: str) -> None:
        """Remove a mark, if there is one."""
        key = f"{_STATES}/{place[0]}/{place[1]}.{kind}"
        files.remove(key)
        self._marks.pop(key, None)


def may_have_records(project: str) -> bool:
    """Return whether a file can be named after a project: nothing is recorded of one that is longer, or has NUL."""
    return "\0" not in project and len(project.encode("utf-8", "surrogatepass")) <= _LONGEST_NAME


def state_lease(project: str) -> str:
    """Return the lease under which a project's yanks, tombstones and maintainers change."""
    return f"state {project}"


def _log_of(project: str) -> str:
    return f"{_METADATA}/{project}.jsonl"


def _line(filename: str, metadata: FileMetadata) -> bytes:
    record = {name: value for name in _FIELDS if (value := getattr(metadata, name)) is not None}
    return json.dumps({"v": FORMAT, "filename": filename, **record}, separators=(",", ":")).encode() + b"\n"


def _newest_lines(lines: Sequence[bytes]) -> Sequence[bytes]:
    """Return the last line of each file as it is, and all lines that a newer server may understand."""
    newest: dict[object, bytes] = {}
    for line in lines:
        key: object = line
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            record = parse_json(line)
            key = (record.get("v", FORMAT), str(record["filename"]))
        newest.pop(key, None)
        newest[key] = line
    return list(newest.values())


def _reason(data: bytes) -> str:
    try:
        return str(parse_json(data).get("reason", ""))
    except (ValueError, AttributeError):
        return ""
