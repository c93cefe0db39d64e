"""Setting keys in a TOML text, with everything else as it was."""

import tomllib
from collections.abc import Mapping, Sequence

import tomlkit  # noqa: TID251 - the only door to tomlkit
from tomlkit.exceptions import TOMLKitError  # noqa: TID251

from publisher.errors import ConfigurationError

_BYTE_ORDER_MARK = "\ufeff"


def set_keys(text: str, table: Sequence[str], values: Mapping[str, str]) -> str:
    """
    Return a TOML text in which a table, made at the end where there is none, has keys with these values.

    Raises ConfigurationError when the text is no TOML, or the table can't be made because something else has its name.
    """
    body = text.removeprefix(_BYTE_ORDER_MARK)
    windows = "\r\n" in body and "\n" not in body.replace("\r\n", "")
    plain = body.replace("\r\n", "\n") if windows else body
    try:
        edited = _edit(plain, table, values)
        expected = tomllib.loads(plain)
        _at(expected, table).update(values)
        if tomllib.loads(edited) != expected:
            raise ValueError("it would change something else")  # noqa: TRY301 - told as the others are
    except (TOMLKitError, ValueError, AttributeError, TypeError) as error:
        name = ".".join(table)
        raise ConfigurationError(f"[{name}] can't be added to this TOML: {error}.", hint="Write it by hand.") from error
    mark = text[: len(text) - len(body)]
    return mark + (edited.replace("\n", "\r\n") if windows else edited)


def _edit(text: str, table: Sequence[str], values: Mapping[str, str]) -> str:
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
        if found.get(key) != value:
            found[key] = value
    return tomlkit.dumps(document)


def _at(document: dict[str, object], table: Sequence[str]) -> dict[str, object]:
    found = document
    for name in table:
        below = found.setdefault(name, {})
        if not isinstance(below, dict):
            raise TypeError(f"{name} is no table")
        found = below
    return found
