"""The line of each key and each list element in a TOML text."""

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

Place = tuple[str | int, ...]
"""The keys on the way to a value, and the number of an element in a list."""

_STRING = r'"""[\s\S]*?"{3,5}|\'\'\'[\s\S]*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})|(?P<comment>\#[^\n]*)|(?P<mark>[\[\]{{}},=.\n])|(?P<word>[^\s\[\]{{}},=.#\"']+)"
)


class Lines:
    """The lines of a text that is valid TOML, found by reading its tokens (https://toml.io/en/v1.0.0)."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Place, int] = {}
        self._tokens = list(_tokens(text))
        self._next = 0
        self._counts: dict[Place, int] = {}
        self._read()

    def of(self, place: Place) -> int | None:
        """Return the line of a place, else of the nearest enclosing one; None if neither has a line."""
        while place:
            if place in self._lines:
                return self._lines[place]
            place = place[:-1]
        return None

    def __contains__(self, place: Place) -> bool:
        return place in self._lines

    def below(self, place: Place) -> set[int]:
        """Return the lines of a place and of everything in it."""
        return {line for known, line in self._lines.items() if known[: len(place)] == place}

    def _read(self) -> None:
        table: Place = ()
        while self._next < len(self._tokens):
            text, line = self._tokens[self._next]
            if text == "\n":
                self._next += 1
            elif text == "[":
                table = self._header(line)
            else:
                with self._moving_on():
                    self._pair(table)

    def _header(self, line: int) -> Place:
        """Read ``[table]`` or ``[[table]]``."""
        brackets = 0
        while self._peek() == "[":
            brackets += 1
            self._next += 1
        keys = self._key()
        place: Place = ()
        for number, key in enumerate(keys, 1):
            place = (*place, key)
            if place in self._counts and (brackets == 1 or number < len(keys)):
                place = (*place, self._counts[place] - 1)
        if brackets == 2:
            number = self._counts[place] = self._counts.get(place, 0) + 1
            self._lines.setdefault(place, line)
            place = (*place, number - 1)
        self._lines.setdefault(place, line)
        while self._peek() == "]":
            self._next += 1
        return place

    def _pair(self, table: Place) -> None:
        line = self._tokens[self._next][1]
        place = table
        for key in self._key():
            place = (*place, key)
            self._lines.setdefault(place, line)
        if self._peek() == "=":
            self._next += 1
        self._value(place)

    def _key(self) -> list[str]:
        """Read a dotted key."""
        keys = []
        while self._next < len(self._tokens):
            text, _ = self._tokens[self._next]
            if text in {"=", "]", "\n", "}", ","}:
                break
            if text != ".":
                keys.append(_unquoted(text))
            self._next += 1
        return keys

    def _value(self, place: Place) -> None:
        mark = self._peek()
        if mark == "[":
            self._next += 1
            number = 0
            while self._skip_newlines() not in {"]", None}:
                self._lines[*place, number] = self._tokens[self._next][1]
                with self._moving_on():
                    self._value((*place, number))
                    number += 1
                    if self._skip_newlines() == ",":
                        self._next += 1
            self._next += 1
        elif mark == "{":
            self._next += 1
            while self._skip_newlines() not in {"}", None}:
                with self._moving_on():
                    self._pair(place)
                    if self._skip_newlines() == ",":
                        self._next += 1
            self._next += 1
        else:
            while self._peek() not in {"\n", ",", "]", "}", None}:  # a number or a date is several tokens
                self._next += 1

    @contextmanager
    def _moving_on(self) -> Iterator[None]:
        """Take at least one token, so that invalid TOML ends too."""
        before = self._next
        yield
        self._next = max(self._next, before + 1)

    def _peek(self) -> str | None:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else None

    def _skip_newlines(self) -> str | None:
        while self._peek() == "\n":
            self._next += 1
        return self._peek()


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line, position = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", position, found.start())
        position = found.start()
        if found.lastgroup != "comment":
            yield found.group(), line


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    try:
        return str(tomllib.loads(f"key = {key}")["key"])
    except tomllib.TOMLDecodeError:
        return key
