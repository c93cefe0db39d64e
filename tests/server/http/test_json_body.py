"""JSON bodies at their bounds: types and charsets, kinds of values, nesting, numbers and texts."""

import asyncio
import json
from typing import Any

import pytest

from publisher.limits import LIMITS
from publisher.server.http.json_body import JsonBody, JsonKey, JsonKind, parse_object
from publisher.server.http.messages import HttpError, Message, Request

BODY = JsonBody(
    {
        "name": JsonKey(JsonKind.TEXT, required=True),
        "tags": JsonKey(JsonKind.TEXTS),
        "table": JsonKey(JsonKind.TABLE),
        "number": JsonKey(JsonKind.NUMBER),
        "note": JsonKey(JsonKind.TEXT, nullable=True),
    }
)
OPTIONAL = JsonBody({"name": JsonKey(JsonKind.TEXT)}, optional=True)


def read(body: JsonBody, data: bytes, kind: str | None = "application/json") -> dict[str, Any]:
    async def receive() -> Message:
        return {"type": "http.request", "body": data}

    headers = [(b"content-type", kind.encode())] if kind is not None else []
    return asyncio.run(body.read(Request({"method": "POST", "path": "/", "headers": headers}, receive)))


def refusal(body: JsonBody, data: bytes, kind: str | None = "application/json") -> tuple[int, str]:
    with pytest.raises(HttpError) as refused:
        read(body, data, kind)
    return refused.value.status, refused.value.message


def nested(levels: int) -> bytes:
    """Return an object with lists in lists: so many levels in all."""
    return b'{"a": ' + b"[" * (levels - 1) + b"1" + b"]" * (levels - 1) + b"}"


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "APPLICATION/JSON ; x=y",
        "application/json; charset=utf-8",
        'application/json; Charset="UTF8"',
        "application/json;charset = utf-8",
    ],
)
def test_json_is_taken_in_utf_8(kind: str) -> None:
    assert read(BODY, '{"name": "acmé"}'.encode(), kind) == {"name": "acmé"}


@pytest.mark.parametrize("kind", [None, "", "text/json", "application/json, text/plain", "x; application/json"])
def test_other_types_are_not(kind: str | None) -> None:
    assert refusal(BODY, b'{"name": "acme"}', kind) == (415, "Send JSON as application/json.")


@pytest.mark.parametrize("charset", ["latin-1", "utf-16", "", "utf-8-sig"])
def test_other_charsets_are_not(charset: str) -> None:
    kind = f"application/json; charset={charset}"
    assert refusal(BODY, b'{"name": "acme"}', kind) == (415, "Send JSON in UTF-8.")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/json"])
def test_only_an_optional_body_may_be_empty(kind: str | None) -> None:
    assert read(OPTIONAL, b"", kind) == {}
    assert refusal(BODY, b"", kind)[0] == (422 if kind == "application/json" else 415)


def test_an_optional_body_that_is_there_is_read_as_strictly() -> None:
    assert read(OPTIONAL, b'{"name": "acme"}') == {"name": "acme"}
    assert refusal(OPTIONAL, b" ")[0] == 422
    assert refusal(OPTIONAL, b'{"name": "acme"}', None)[0] == 415


def test_null_is_as_if_the_key_was_missing() -> None:
    assert read(BODY, b'{"name": "acme", "note": null, "number": 0, "tags": []}') == {
        "name": "acme",
        "number": 0,
        "tags": [],
    }


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "The JSON object needs the key 'name' with a string."),
        ({"name": None}, "The JSON object's key 'name' must have a string."),
        ({"name": 1}, "The JSON object's key 'name' must have a string."),
        ({"name": "a", "tags": "a"}, "The JSON object's key 'tags' must have a list of strings."),
        ({"name": "a", "tags": [1]}, "The JSON object's key 'tags' must have a list of strings."),
        ({"name": "a", "number": True}, "The JSON object's key 'number' must have a number."),
        ({"name": "a", "table": []}, "The JSON object's key 'table' must have an object."),
        (
            {"name": "a", "nmae": "b"},
            "The JSON object has the unknown key 'nmae'; known are: name, tags, table, number, note.",
        ),
        ({"name": "a\u0085"}, "A text in the key 'name' has control characters."),
        ({"name": "a\x7f"}, "A text in the key 'name' has control characters."),
        ({"name": "a\x1f"}, "A text in the key 'name' has control characters."),
        ({"name": "a", "tags": ["b", "\n"]}, "A text in the key 'tags' has control characters."),
        ({"name": "a", "table": {"\0": 1}}, "A text in the key 'table' has control characters."),
        ({"name": "a", "table": {"b": [{"c": "\0"}]}}, "A text in the key 'table' has control characters."),
    ],
)
def test_the_first_thing_that_is_wrong_is_named(found: dict[str, Any], message: str) -> None:
    assert refusal(BODY, json.dumps(found).encode()) == (422, message)


def test_a_route_without_keys_knows_none() -> None:
    assert refusal(JsonBody({}), b'{"a": 1}') == (422, "The JSON object has the unknown key 'a'; known are: none.")


def test_a_long_unknown_key_is_cut() -> None:
    assert f"unknown key {'x' * 80!r};" in refusal(BODY, json.dumps({"x" * 81: 1}).encode())[1]


@pytest.mark.parametrize("text", [" ", "~", "\xa0", "\ud7ff", "\ue000", "\U0001f600"])
def test_all_other_characters_are_texts(text: str) -> None:
    assert read(BODY, json.dumps({"name": text}).encode()) == {"name": text}


def test_texts_may_be_as_long_as_their_bound() -> None:
    longest = "x" * LIMITS.json_text
    assert read(BODY, json.dumps({"name": longest}).encode()) == {"name": longest}
    status, message = refusal(BODY, json.dumps({"name": "a", "table": {"b": longest + "x"}}).encode())
    assert (status, message) == (422, f"A text in the key 'table' is longer than {LIMITS.json_text} characters.")


def test_a_body_may_be_nested_as_deeply_as_its_bound() -> None:
    deepest = nested(LIMITS.json_depth)
    assert parse_object(deepest) == json.loads(deepest)
    for levels in (LIMITS.json_depth + 1, LIMITS.json_depth + 2, 100_000):
        with pytest.raises(ValueError, match=r"^it is nested too deeply$"):
            parse_object(nested(levels))


@pytest.mark.parametrize("digits", [str(10 ** (LIMITS.json_digits - 1)), "0." + "3" * (LIMITS.json_digits - 2), "-1e5"])
def test_a_number_may_be_as_long_as_its_bound(digits: str) -> None:
    assert parse_object(f'{{"a": {digits}}}'.encode()) == {"a": json.loads(digits)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a": 1', "Expecting"),
        (b'{"a": "\xff"}', "^it is not UTF-8$"),
        (b"[]", "^it is not an object$"),
        (b"null", "^it is not an object$"),
        (b'{"a": 1, "a": 1}', "^an object has the same key twice$"),
        (b'{"b": [{"a": 1, "a": 2}]}', "^an object has the same key twice$"),
        (b'{"a": NaN}', "^NaN is not a number in JSON$"),
        (b'{"a": -Infinity}', "^-Infinity is not a number in JSON$"),
        (b'{"a": 1e999}', "^a number has too many digits or is too large$"),
        (b'{"a": -1e999}', "^a number has too many digits or is too large$"),
        (b'{"a": 0.%s}' % (b"3" * (LIMITS.json_digits - 1)), "^a number has too many digits or is too large$"),
        (b'{"a": 1%s}' % (b"0" * LIMITS.json_digits), f"^a number has more than {LIMITS.json_digits} digits$"),
    ],
)
def test_a_text_that_programs_read_differently_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_object(text)


@pytest.mark.parametrize(
    ("kind", "held"),
    [
        (JsonKind.TEXT, ["", "a"]),
        (JsonKind.TEXTS, [[], ["a", ""]]),
        (JsonKind.FLAG, [True, False]),
        (JsonKind.NUMBER, [0, 1, 1.5]),
        (JsonKind.TABLE, [{}, {"a": 1}]),
    ],
)
def test_a_kind_holds_its_values_and_no_others(kind: JsonKind, held: list[object]) -> None:
    values = ["", "a", [], ["a", ""], [1], ["a", None], [["a"]], True, False, 0, 1, 1.5, {}, {"a": 1}, None]
    assert [value for value in values if kind.holds(value)] == [
        value
        for value in values
        if any(value is each or (type(value) is type(each) and value == each) for each in held)
    ]
