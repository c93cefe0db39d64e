"""The record of a project in a bucket: a file exists when its project's record lists it."""

import json
import uuid
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import fields
from typing import Any

from publisher.server.names.filenames import METADATA_SUFFIX, SIGNATURE
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.json_text import parse_json
from publisher.server.store.metadata import FileMetadata

FORMAT = 1
"""Version of the records that this module writes; a newer one is not understood, and nothing is concluded from it."""

UPLOADS = "files"
"""The folder of all uploads; nothing else of a bucket is ever removed unasked."""

_METADATA_FIELDS = {field.name for field in fields(FileMetadata)}

_CHANGES = 16
"""The last changes whose identifiers a record keeps."""

Details = Mapping[str, Any]


class ProjectRecord:
    """
    Files by name, the names of deleted ones, and maintainers; fields that this version does not know stay.

    ``serial`` grows with every change, and each of the last ones has an identifier.
    """

    def __init__(self, name: str, document: dict[str, Any] | None = None) -> None:
        self.name = name
        self._document = document or {"v": FORMAT, "name": name, "serial": 0}
        for section in ("files", "deleted", "maintainers"):
            self._document.setdefault(section, {})

    @property
    def serial(self) -> int:
        """The number of changes so far."""
        return int(self._document["serial"])

    def change(self, serial: int) -> str | None:
        """Return the identifier of the change with a number, None where it is not known any more."""
        known: list[str] = self._document.get("changes", [])
        place = len(known) - 1 - (self.serial - serial)
        return known[place] if 0 <= place < len(known) else None

    @property
    def files(self) -> Mapping[str, Details]:
        """The entries of the files that exist."""
        return self._section("files")

    @property
    def deleted(self) -> Mapping[str, Details]:
        """The names of deleted files, which are not given again."""
        return self._section("deleted")

    @property
    def maintainers(self) -> Mapping[str, Details]:
        """The accounts that maintain the project."""
        return self._section("maintainers")

    def metadata(self, filename: str) -> FileMetadata:
        """Return the metadata of a file."""
        entry = self.files[filename]
        return FileMetadata(**{name: value for name, value in entry.items() if name in _METADATA_FIELDS})

    def yanked(self, filename: str) -> str | None:
        """Return the reason for which a file is yanked, maybe empty; None for one that is not."""
        mark = self.files[filename].get("yanked")
        return None if mark is None else str(mark.get("reason", ""))

    def url_path(self, filename: str) -> str:
        """Return a file's path below ``/packages/``; one that was in a folder below the packages keeps it."""
        return f"{self.files[filename].get('folder', '')}{filename}"

    def key(self, filename: str) -> str:
        """Return the key of the object with a file's bytes."""
        return upload_key(self.name, str(self.files[filename]["upload"]), filename)

    def keys(self) -> Iterator[str]:
        """Yield the keys of all objects that the record lists."""
        for filename, entry in self.files.items():
            yield from keys_of(self.key(filename), entry)

    def edited(self) -> "RecordEditor":
        """Return the maker of the record's next version."""
        return RecordEditor(self.name, deepcopy(self._document))

    def to_bytes(self) -> bytes:
        """Return the record as an object's contents."""
        return json.dumps(self._document, ensure_ascii=False, separators=(",", ":")).encode()

    def _section(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._document[name]
        return found


class RecordEditor(ProjectRecord):
    """The next version of a record; its files take effect when it is written."""

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        super().__init__(name, document)
        self._document["serial"] = self.serial + 1
        self._document["changes"] = [*self._document.get("changes", [])[1 - _CHANGES :], uuid.uuid4().hex[:8]]

    def add(self, filename: str, upload: str, metadata: FileMetadata, **more: Any) -> None:
        """List a file, whose bytes are there under an upload's identifier."""
        found = {name: getattr(metadata, name) for name in _METADATA_FIELDS if name != "mtime_ns"}
        entry = {name: value for name, value in {**found, **more}.items() if value is not None and value != ""}
        self._section("files")[filename] = {"upload": upload, "mtime_ns": 0, **entry}
        self._section("deleted").pop(filename, None)

    def forget(self, filename: str) -> None:
        """Remove a file that another one replaces."""
        del self._section("files")[filename]

    def yank(self, filename: str, mark: Details) -> None:
        """Yank a file."""
        self._section("files")[filename]["yanked"] = dict(mark)

    def unyank(self, filename: str) -> None:
        """Undo a yank."""
        self._section("files")[filename].pop("yanked", None)

    def delete(self, filename: str, mark: Details) -> None:
        """Remove a file, whose name stays reserved."""
        del self._section("files")[filename]
        self.reserve(filename, mark)

    def reserve(self, filename: str, mark: Details) -> None:
        """Note a file that was deleted."""
        self._section("deleted")[filename] = dict(mark)

    def add_maintainer(self, account: str, details: Details) -> None:
        """Add a maintainer."""
        self._section("maintainers")[account] = dict(details)

    def remove_maintainer(self, account: str) -> None:
        """Remove a maintainer, if it is one."""
        self._section("maintainers").pop(account, None)


def parse_record(name: str, data: bytes) -> ProjectRecord:
    """Return a project's record; raise StorageUnavailableError for one that can't be understood."""
    try:
        document = parse_json(data)
        _require_format(name, document)
        record = ProjectRecord(name, document)
        record.change(record.serial)
        for filename in record.files:
            record.metadata(filename)
            record.key(filename)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageUnavailableError(f"The record of {name} can't be understood: {error}.") from error
    return record


def upload_key(project: str, upload: str, filename: str) -> str:
    """Return the key of the object with an upload's bytes, which no other upload ever has."""
    return f"{UPLOADS}/{project}/{upload}/{filename}"


def keys_of(key: str, entry: Details) -> Iterator[str]:
    """Yield the key of a file, and those of its signature and its metadata where it has them."""
    yield key
    if entry.get("signature"):
        yield key + SIGNATURE
    if entry.get("metadata_sha256"):
        yield key + METADATA_SUFFIX


def _require_format(name: str, document: Any) -> None:
    if document["name"] != name:
        raise ValueError("it is another project's")
    if int(document["v"]) > FORMAT:
        raise ValueError("a newer version of the index has written it")
