"""The accounts in the text of an htpasswd file: reading lines of any age, and changing one without touching others."""

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from publisher.server.auth.hashes import STAND_IN, Scheme, scheme_of

_BOM = b"\xef\xbb\xbf"
_NO_ACCOUNTS = b"# no accounts"
"""Written to a file whose last account was removed, because an empty file looks like one that is being rewritten."""


SERVICE = "*service*"
"""The entry of a service account, in place of a hash: it has tokens, and no password."""


class Entry(NamedTuple):
    """The hash of one account, and its kind."""

    text: str
    scheme: Scheme


@dataclass(frozen=True)
class AccountTable:
    """
    The accounts of a file by name, locked ones included.

    ``bad_lines`` are the numbers of lines that are no account; ``complete`` is False when the last line looks cut off.
    """

    entries: Mapping[str, Entry]
    bad_lines: tuple[int, ...] = ()
    complete: bool = True

    @cached_property
    def _by_composed_name(self) -> dict[str, str]:
        return {unicodedata.normalize("NFC", name): name for name in reversed(list(self.entries))}

    @cached_property
    def _usable(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.scheme is not Scheme.LOCKED]

    def name(self, username: str) -> str:
        """
        Return the name of an account as the file spells it, however its letters are composed; an unknown name as it is.

        Tokens, roles and publishers are kept by that one spelling.
        """
        if username in self.entries:
            return username
        return self._by_composed_name.get(unicodedata.normalize("NFC", username), username)

    def entry(self, username: str) -> Entry | None:
        """Return an account's entry, however the letters of the name are composed; None for unknown and locked ones."""
        found = self.entries.get(self.name(username))
        return None if found is None or found.scheme is Scheme.LOCKED else found

    def is_active(self, username: str) -> bool:
        """Return whether there is an account of that name that has a password, or is a service account."""
        found = self.entries.get(self.name(username))
        return found is not None and (found.scheme is not Scheme.LOCKED or found.text == SERVICE)

    @property
    def services(self) -> list[str]:
        """The names of the service accounts, sorted."""
        return sorted(name for name, entry in self.entries.items() if entry.text == SERVICE)

    def stand_in(self, username: str) -> Entry:
        """
        Return the entry on which to spend the hash of a user without one.

        It is another account's, the same for the same name each time: unknown users cost the same as known ones.
        """
        if not self._usable:
            return Entry(STAND_IN, Scheme.BCRYPT)
        digest = hashlib.sha256(username.encode("utf-8", "surrogatepass")).digest()
        return self._usable[int.from_bytes(digest[:8]) % len(self._usable)]


def parse(text: bytes, *, allow_plaintext: bool = False) -> AccountTable:
    """Return the accounts in a file's text; a bad line costs only itself, and of equal names the first counts."""
    entries: dict[str, Entry] = {}
    bad: list[int] = []
    lines = text.removeprefix(_BOM).split(b"\n")
    for number, line in enumerate(lines, 1):
        shown = _decoded(line.rstrip(b"\r"))
        if not shown.strip() or shown.startswith("#"):
            continue
        name, colon, rest = shown.partition(":")
        if not colon or not name:
            bad.append(number)
            continue
        hashed = rest.partition(":")[0].strip()
        entries.setdefault(name, Entry(hashed, scheme_of(hashed, allow_plaintext=allow_plaintext)))
    last = _decoded(lines[-1]).partition(":")[2].strip()
    cut = bool(lines[-1].strip()) and scheme_of(last) is Scheme.LOCKED
    return AccountTable(entries, tuple(bad), complete=not cut)


def with_entry(text: bytes, username: str, hashed: str | None) -> bytes:
    """Return the text of a file with an account's hash replaced, added, or removed for None; other lines stay."""
    name = username.encode()
    kept = [line for line in text.removeprefix(_BOM).splitlines() if line]
    places = [number for number, line in enumerate(kept) if line.partition(b":")[0] == name]
    if hashed is not None:
        line = name + b":" + hashed.encode()
        if places:
            kept[places[0]] = line
        else:
            kept.append(line)
        places = places[1:]
    left = [line for number, line in enumerate(kept) if number not in places]
    return b"".join(line + b"\n" for line in left or [_NO_ACCOUNTS])


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
