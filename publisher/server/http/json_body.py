"""JSON bodies of requests: read strictly and with bounds, and held to the keys that their route declares."""

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from publisher.limits import LIMITS
from publisher.server.http.messages import HttpError, Request

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters, which no file and no answer can have."""


class JsonKind(Enum):
    """Kinds of values, by their words in messages."""

    TEXT = "a string"
    TEXTS = "a list of strings"
    FLAG = "true or false"
    NUMBER = "a number"
    TABLE = "an object"

    def holds(self, value: object) -> bool:
        """Return whether a value is of the kind; Booleans are not numbers."""
        if isinstance(value, list):
            return self is JsonKind.TEXTS and all(isinstance(each, str) for each in value)
        return isinstance(value, _TYPES[self]) and (self is JsonKind.FLAG or not isinstance(value, bool))


_TYPES: Mapping[JsonKind, type | tuple[type, ...]] = {
    JsonKind.TEXT: str,
    JsonKind.TEXTS: list,
    JsonKind.FLAG: bool,
    JsonKind.NUMBER: (int, float),
    JsonKind.TABLE: dict,
}


class JsonKey(NamedTuple):
    """A key of a body; null in a ``nullable`` one is as if it was missing."""

    kind: JsonKind
    required: bool = False
    nullable: bool = False


class JsonBody(NamedTuple):
    """The keys of a route's body, and no others, so that no misspelled condition is passed over."""

    keys: Mapping[str, JsonKey]
    optional: bool = False
    """Whether a request may have no body at all."""

    async def read(self, request: Request) -> dict[str, Any]:
        """Return the keys that a body has; raise HttpError 413, 415, or 422 for the first thing that is wrong."""
        data = await request.body()
        if self.optional and not data:
            return {}
        kind, _, parameters = request.header(b"content-type").lower().partition(";")
        if kind.strip() != "application/json":
            raise HttpError(415, "Send JSON as application/json.")
        if "charset" in parameters and parameters.partition("charset")[2].strip(' ="') not in {"utf-8", "utf8"}:
            raise HttpError(415, "Send JSON in UTF-8.")
        try:
            found = parse_object(data)
        except ValueError as error:
            raise HttpError(422, f"The body is not a valid JSON object: {error}.") from error
        self._check(found)
        return {key: value for key, value in found.items() if value is not None}

    def _check(self, found: Mapping[str, Any]) -> None:
        for key, value in found.items():
            declared = self.keys.get(key)
            if declared is None:
                known = ", ".join(self.keys) or "none"
                raise HttpError(422, f"The JSON object has the unknown key {key[:80]!r}; known are: {known}.")
            if not (declared.kind.holds(value) or (value is None and declared.nullable)):
                raise HttpError(422, f"The JSON object's key {key!r} must have {declared.kind.value}.")
            for text in _texts(value):
                if len(text) > LIMITS.json_text:
                    raise HttpError(422, f"A text in the key {key!r} is longer than {LIMITS.json_text} characters.")
                if _CONTROL.search(text):
                    raise HttpError(422, f"A text in the key {key!r} has control characters.")
        for key, declared in self.keys.items():
            if declared.required and key not in found:
                raise HttpError(422, f"The JSON object needs the key {key!r} with {declared.kind.value}.")


def parse_object(data: bytes) -> dict[str, Any]:
    """
    Return the object of a JSON text in UTF-8; raise ValueError, in one line, for anything else.

    Two equal keys, numbers of many digits, those that are none, and deep nesting are refused: programs differ in what
    they make of them.
    """
    try:
        found = json.loads(
            data.decode(), object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
        )
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - it is the text that is wrong
    if _depth(found) > LIMITS.json_depth:
        raise ValueError("it is nested too deeply")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _integer(text: str) -> int:
    if len(text) > LIMITS.json_digits:
        raise ValueError(f"a number has more than {LIMITS.json_digits} digits")
    return int(text)


def _float(text: str) -> float:
    if len(text) > LIMITS.json_digits or (number := float(text)) in {float("inf"), float("-inf")}:
        raise ValueError("a number has too many digits or is too large")
    return number


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not a number in JSON")


def _depth(value: object) -> int:
    """Return the levels of objects and lists in each other; without recursion."""
    depth, level = 0, [value]
    while level := [child for each in level if isinstance(each, dict | list) for child in _children(each)]:
        depth += 1
    return depth


def _children(value: dict[str, Any] | list[Any]) -> Iterator[Any]:
    yield from value.values() if isinstance(value, dict) else value


def _texts(value: object) -> Iterator[str]:
    """Return the texts in a value and in what it has within, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        if isinstance(value, dict):
            yield from value
        for each in _children(value):
            yield from _texts(each)
