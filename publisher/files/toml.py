"""Putting keys and tables into a TOML text, with everything else as it was."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import tomlkit  # noqa: TID251 - the only door to tomlkit
from tomlkit.exceptions import TOMLKitError  # noqa: TID251

from publisher.errors import ConfigurationError
from publisher.files.managed_blocks import BYTE_ORDER_MARK, LineEdit, insert_blocks, split_lines


def set_keys(text: str, table: Sequence[str], values: Mapping[str, str | Sequence[str]]) -> str:
    """
    Return a TOML text in which a table, made at the end where there is none, has keys with these values.

    Raises ConfigurationError when the text is not valid TOML, or the table can't be made because something else has its
    name.
    """
    body = text.removeprefix(BYTE_ORDER_MARK)
    windows = "\r\n" in body and "\n" not in body.replace("\r\n", "")
    plain = body.replace("\r\n", "\n") if windows else body
    try:
        edited = _edit(plain, table, values)
        expected = tomllib.loads(plain)
        _table(expected, table).update(values)
        if tomllib.loads(edited) != expected:
            raise ValueError("it would change something else")  # noqa: TRY301 - reported like the others
    except (TOMLKitError, ValueError, AttributeError, TypeError, RecursionError, ConfigurationError) as error:
        name = ".".join(table)
        raise ConfigurationError(f"[{name}] can't be added to this TOML: {error}.", hint="Write it by hand.") from error
    mark = text[: len(text) - len(body)]
    return mark + (edited.replace("\n", "\r\n") if windows else edited)


def remove_key(text: str, table: Sequence[str], key: str) -> str:
    """
    Return a TOML text without a key of a table, and everything else as it was.

    Raises ConfigurationError when the text is not valid TOML.
    """
    try:
        document = tomlkit.parse(text)
    except (TOMLKitError, RecursionError) as error:
        raise ConfigurationError(f"Not valid TOML: {error}.", hint="Fix the file first.") from error
    found: Any = document
    for name in table:
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping) and key in found:
        del found[key]  # type: ignore[attr-defined]  # a table of tomlkit is mutable
    return tomlkit.dumps(document)


def _edit(text: str, table: Sequence[str], values: Mapping[str, str | Sequence[str]]) -> str:
    document = tomlkit.parse(text)
    found = document
    for name in table:
        if name not in found:
            lines = [f"[{tomlkit.key(list(table)).as_string()}]"]
            lines += [
                f"{tomlkit.key(key).as_string()} = {tomlkit.item(value).as_string()}" for key, value in values.items()
            ]
            gap = "\n\n" if text and not text.endswith("\n") else "\n" if text.strip() else ""
            return text + gap + "\n".join([*lines, ""])
        found = found[name]
    for key, value in values.items():
        before = found.get(key)
        if isinstance(before, tomlkit.items.Array) and not isinstance(value, str):
            _set_elements(before, value)
        elif before != value:
            found[key] = value
    return tomlkit.dumps(document)


def _set_elements(array: tomlkit.items.Array, values: Sequence[str]) -> None:
    """Put other elements into a list, which keeps its lines; comments in it would stand beside the wrong ones."""
    if "#" in array.as_string() and not any("#" in str(value) for value in array):
        raise ValueError("there are comments in the list")
    while len(array) > len(values):
        del array[-1]
    for number, value in enumerate(values):
        if number < len(array):
            array[number] = value
        else:
            array.append(value)


def read_toml(text: str) -> dict[str, Any]:
    """
    Return a TOML text's document.

    Raises ConfigurationError if it is not valid.
    """
    try:
        return tomllib.loads(text.removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"Not valid TOML: {error}.", hint="Fix the file first.") from error


def put_tables(  # noqa: PLR0913 - one argument for each kind of addition
    text: str | None,
    owner: str,
    *,
    keys: Mapping[str, Any] | None = None,
    hidden: Collection[str] = (),
    arrays: Mapping[str, Mapping[str, Any]] | None = None,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """
    Return a TOML text with additions, each between an owner's marks (see `publisher.files.managed_blocks`).

    ``keys`` go at the top; existing keys of these names, and those in ``hidden``, are commented out. ``arrays`` get
    one element each (``tool.uv.index``), ``tables`` more keys (``tool.uv.sources``).

    Raises ConfigurationError when the text is not valid TOML, or is written in a way that can't be added to by whole
    lines.
    """
    expected = read_toml(text or "")
    lines = split_lines(text or "")
    edits = [
        *_key_edits(lines, expected, keys or {}, hidden),
        *_table_edits(lines, expected, tables or {}, arrays or {}),
    ]
    mark = BYTE_ORDER_MARK if (text or "").startswith(BYTE_ORDER_MARK) else ""
    result = mark + insert_blocks(text if text is None else text.removeprefix(mark), edits, owner)
    try:
        agrees = read_toml(result) == expected
    except ConfigurationError:
        agrees = False
    if not agrees:
        raise ConfigurationError(
            "The layout of the file does not allow adding lines.", hint="Print the configuration, and add it by hand."
        )
    return result


def _key_edits(
    lines: Sequence[str], expected: dict[str, Any], keys: Mapping[str, Any], hidden: Collection[str]
) -> Iterator[LineEdit]:
    """Yield the edits that put keys at the top and hide others, and change ``expected`` in the same way."""
    for name in {*keys, *hidden} & expected.keys():
        yield LineEdit(*_line_of(lines, name), [])
        del expected[name]
    if keys:
        yield LineEdit(0, 0, _pairs(keys))
        expected.update(keys)


def _table_edits(
    lines: Sequence[str],
    expected: dict[str, Any],
    tables: Mapping[str, Mapping[str, Any]],
    arrays: Mapping[str, Mapping[str, Any]],
) -> Iterator[LineEdit]:
    """Yield the edits that add to tables and arrays of tables, and change ``expected`` in the same way."""
    at_the_end: list[str] = []
    for path, values in tables.items():
        header = _header(lines, path)
        if header is None:
            at_the_end += [f"[{path}]", *_pairs(values)]
        else:
            yield LineEdit(header + 1, header + 1, _pairs(values))
        _table(expected, path.split(".")).update(values)
    for path, values in arrays.items():
        at_the_end += [f"[[{path}]]", *_pairs(values)]
        *above, last = path.split(".")
        _table(expected, above).setdefault(last, []).append(dict(values))
    if at_the_end:
        yield LineEdit(len(lines), len(lines), at_the_end)


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{tomlkit.key(key).as_string()} = {_value(value)}" for key, value in values.items()]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_pairs(value))} }}"
    return str(tomlkit.item(value).as_string())


def _line_of(lines: Sequence[str], key: str) -> tuple[int, int]:
    """Return the lines of a key at the top of a document, which stands on one of its own."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith("["):
            break
        if re.match(rf"\s*['\"]?{re.escape(key)}['\"]?\s*=", line.removeprefix(BYTE_ORDER_MARK)):
            return number, number + 1
    return len(lines), len(lines)  # the check of the result refuses it


def _header(lines: Sequence[str], path: str) -> int | None:
    dotted = r"\s*\.\s*".join(map(re.escape, path.split(".")))
    pattern = re.compile(rf"\s*\[\s*{dotted}\s*\]\s*(#.*)?$")
    return next((number for number, line in enumerate(lines) if pattern.match(line)), None)


def _table(document: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return the table at a path, made where there is none; raises ConfigurationError where it is something else."""
    found = document
    for name in path:
        below = found.setdefault(name, {})
        if not isinstance(below, dict):
            raise ConfigurationError(f"{'.'.join(path)} is not a table in it.", hint="Fix the file first.")
        found = below
    return found


def to_toml(document: Mapping[str, object]) -> str:
    """Return a generated document as TOML."""
    return tomlkit.dumps(document)
