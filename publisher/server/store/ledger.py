"""The ledger of an index: its identifier and the names that it owns, kept in two storages that check each other."""

import json
import logging
import re
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from publisher.server.storage.base import Files
from publisher.server.storage.errors import AbsentError, ExistsError
from publisher.server.storage.folder import DOT_FOLDER
from publisher.server.storage.json_text import parse_json

IDENTITY = f"{DOT_FOLDER}/identity"
NAMES = f"{DOT_FOLDER}/names.jsonl"
REMEDY = "If the packages are lost for good, run `pypi-publish storage confirm-loss`; else mount their disk."

_PLAIN = re.compile(rb'\{"v":1,"name":"([^"\\]*)"\}')
"""A name's line as this version writes it, which needs no JSON parser."""

_log = logging.getLogger(__name__)


class NamesLedger(NamedTuple):
    """An identifier, None for none, and names; ``complete`` once both storages have it."""

    identifier: str | None
    names: frozenset[str]
    complete: bool = True


def read_packages_ledger(files: Files) -> NamesLedger:
    """Return the entries in the package storage."""
    identity = read_identity(files)
    return NamesLedger(identity[0], frozenset(_names(files.lines(NAMES))), complete=identity[1])


class Confirmation(NamedTuple):
    """How many names the index owns, and whether it had lost packages until a person confirmed that."""

    names: int
    lost: bool


class NewNames:
    """Reads the names that came to the package storage since the last look; may run in several threads at a time."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()

    def add_to(self, names: set[str], files: Files) -> None:
        """Add them to the names that are known."""
        with self._lock:
            seen = dict(self._seen)
            names.update(_names(files.lines(NAMES, seen)))
            self._seen = seen


def read_identity(files: Files) -> tuple[str | None, bool]:
    """Return the identifier in the package storage, and whether the other storage is known to have it too."""
    try:
        found = parse_json(files.read(IDENTITY))
        return str(found["id"]), bool(found["complete"])
    except AbsentError:
        return None, True
    except (ValueError, TypeError, KeyError):
        _log.exception("the index's identifier can't be read")
        return None, True


def create_identity(files: Files, identifier: str) -> None:
    """Set the identifier of a package storage that has lost it, unless another process has."""
    with suppress(ExistsError):
        files.create(IDENTITY, _identity(identifier, complete=True))


def write_identity(files: Files, identifier: str, *, complete: bool) -> None:
    """Set the identifier of a package storage, which has none or the same."""
    data = _identity(identifier, complete=complete)
    try:
        files.create(IDENTITY, data)
    except ExistsError:
        files.replace(IDENTITY, data, files.stat(IDENTITY).version)


def read_state_ledger(files: Files, log: str) -> NamesLedger:
    """Return the entries in the storage of the accounts, from one log."""
    lines = files.lines(log)
    identifiers = [record["id"] for record in _records(line for line in lines if b'"id"' in line) if "id" in record]
    return NamesLedger(str(identifiers[-1]) if identifiers else None, frozenset(_names(lines)))


def state_lines(identifier: str | None, names: Iterable[str]) -> bytes:
    """Return the lines that add an identifier and names to a log."""
    found = [{"v": 1, "id": identifier}] if identifier else []
    records = [*found, *({"v": 1, "name": name} for name in sorted(names))]
    return b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)


def new_identifier() -> str:
    """Return an identifier that no other index has."""
    return uuid.uuid4().hex


def disagreement(packages: NamesLedger, state: NamesLedger) -> str | None:
    """Return why the packages must be taken for lost, None when both storages agree."""
    if state.identifier is None and packages.identifier is None:
        return None
    if packages.identifier is None:
        return f"the package storage is not the one that this index had: its identifier is missing. {REMEDY}"
    if state.identifier is None:
        return f"the list of owned names is missing beside the accounts. {REMEDY}"
    if state.identifier != packages.identifier:
        return f"the package storage belongs to another index. {REMEDY}"
    missing = state.names - packages.names
    if missing:
        shown = ", ".join(sorted(missing)[:3])
        return f"the package storage has lost {len(missing)} projects that this index owns ({shown}). {REMEDY}"
    return None


def _identity(identifier: str, *, complete: bool) -> bytes:
    return json.dumps({"v": 1, "id": identifier, "complete": complete}).encode()


def _names(lines: Iterable[bytes]) -> Iterator[str]:
    for line in lines:
        plain = _PLAIN.fullmatch(line)
        if plain is not None:
            yield plain[1].decode()
        else:
            yield from (str(record["name"]) for record in _records([line]) if "name" in record)


def _records(lines: Iterable[bytes]) -> Iterable[dict[str, object]]:
    for line in lines:
        with suppress(ValueError):
            record = parse_json(line)
            if isinstance(record, dict):
                yield record
