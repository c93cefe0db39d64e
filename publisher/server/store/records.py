"""Records of the files of each project besides their bytes, in small files beside them."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from publisher.files.atomic import replace_file
from publisher.server.store.metadata import FileMetadata, ReleaseState

DOT_FOLDER = ".pypi-publish"

_COMPACT_ABOVE = 64
"""Lines that a record may have more than twice the files it describes before it is written anew."""


class Records:
    """
    The records of one package folder: metadata in one append-only file a project, states in one small file each.

    Metadata may be lost at any time and is read again. Yanks and tombstones are files of their own, so that two writers
    on a shared volume, where the last one wins for each file, don't undo each other's.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / DOT_FOLDER
        self._facts = self.folder / "facts"
        self._marks = self.folder / "marks"

    def prepare(self) -> None:
        """Make the folders; raise OSError when that can't be done."""
        for folder in (self._facts, self._marks):
            folder.mkdir(parents=True, exist_ok=True)

    def knows(self, project: str) -> bool:
        """Tell whether a project was ever published here."""
        return (self._facts / f"{project}.jsonl").exists() or (self._marks / project).is_dir()

    def load(self, project: str) -> dict[str, FileMetadata]:
        """Return the facts of a project's files by file name; torn and foreign lines are passed over."""
        path = self._facts / f"{project}.jsonl"
        try:
            lines = path.read_bytes().split(b"\n")
        except (FileNotFoundError, NotADirectoryError):
            return {}
        found: dict[str, FileMetadata] = {}
        for line in lines:
            try:
                fields = json.loads(line)
                filename = fields.pop("filename")
                found[filename] = FileMetadata(**fields)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
        if len(lines) > 2 * len(found) + _COMPACT_ABOVE:
            self._write_all(path, found)
        return found

    def add(self, project: str, facts: Mapping[str, FileMetadata]) -> None:
        """Append the facts of some of a project's files."""
        path = self._facts / f"{project}.jsonl"
        with path.open("ab") as file:
            torn = b"\n" if file.tell() and not _ends_with_newline(path) else b""
            file.write(torn + b"".join(_line(filename, each) for filename, each in facts.items()))

    def note_project(self, project: str) -> None:
        """Note that a project was published here, even if none of its facts stay."""
        (self._facts / f"{project}.jsonl").touch()

    def state(self, project: str) -> ReleaseState:
        """Return which of a project's files are yanked or deleted."""
        found: dict[str, dict[str, str]] = {"yanked": {}, "deleted": {}}
        try:
            names = os.listdir(self._marks / project)  # noqa: PTH208 - names are all that is needed
        except (FileNotFoundError, NotADirectoryError):
            names = []
        for name in names:
            filename, _, kind = name.rpartition(".")
            if kind in found:
                found[kind][filename] = _reason(self._marks / project / name)
        return ReleaseState(found["yanked"], found["deleted"])

    def mark(self, project: str, filename: str, kind: str, facts: Mapping[str, Any]) -> None:
        """Mark a file ``yanked`` or ``deleted``, durably, with a reason and who said so."""
        replace_file(self._marks / project / f"{filename}.{kind}", json.dumps(dict(facts)).encode(), durable=True)

    def unmark(self, project: str, filename: str, kind: str) -> None:
        """Take a mark away, if there is one."""
        (self._marks / project / f"{filename}.{kind}").unlink(missing_ok=True)

    def _write_all(self, path: Path, facts: Mapping[str, FileMetadata]) -> None:
        replace_file(path, b"".join(_line(filename, each) for filename, each in facts.items()))


def _line(filename: str, facts: FileMetadata) -> bytes:
    fields = {"filename": filename, **{name: value for name, value in asdict(facts).items() if value is not None}}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _reason(path: Path) -> str:
    try:
        return str(json.loads(path.read_text("utf-8")).get("reason", ""))
    except (OSError, ValueError, AttributeError):
        return ""
