"""Putting options into an INI text, with everything else as it was."""

from collections.abc import Callable, Mapping, Sequence
from configparser import Error
from typing import NamedTuple

from configupdater import ConfigUpdater, Option, Section  # noqa: TID251 - the only door to configupdater

from publisher.errors import ConfigurationError
from publisher.files.managed_blocks import BYTE_ORDER_MARK, LineEdit, insert_blocks, split_lines


class IniText(NamedTuple):
    """An INI text that was understood: where its sections begin, and where each option stands."""

    headers: Mapping[str, int]
    options: Sequence[tuple[str, str, str, int, int]]
    """Section, option, value, and the option's lines: the first, and the one behind the last, counted from 0."""

    def value(self, section: str, option: str) -> str | None:
        """Return an option's value, or None."""
        return next((value for a, b, value, _, _ in self.options if (a, b) == (section, option)), None)


def parse_ini(text: str, normalize: Callable[[str], str] = str.lower) -> IniText:
    """
    Return the places of sections and options in an INI text.

    Raises ConfigurationError if it is not valid: no sections, or a section or an option twice.
    """
    updater = ConfigUpdater(allow_no_value=True)
    try:
        updater.read_string(text.removeprefix(BYTE_ORDER_MARK))
    except (Error, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"Not a valid INI file: {reason}", hint="Fix the file first.") from error
    headers: dict[str, int] = {}
    options: list[tuple[str, str, str, int, int]] = []
    line = 0
    for block in updater.iter_blocks():
        if not isinstance(block, Section):
            line += len(split_lines(str(block)))
            continue
        headers[block.name] = line
        line += 1
        for inner in block.iter_blocks():
            length = len(split_lines(str(inner)))
            if isinstance(inner, Option):
                options.append((block.name, normalize(inner.key), inner.value or "", line, line + length))
            line += length
    return IniText(headers, options)


def put_options(
    text: str | None,
    owner: str,
    sections: Mapping[str, Mapping[str, str]],
    hidden: Callable[[str, str], bool] = lambda *_: False,
) -> str:
    """
    Return an INI text in which sections have options, between marks of an owner (see `publisher.files.managed_blocks`).

    An option that is there already, and each that ``hidden`` tells for section and name, is kept as a comment.

    Raises ConfigurationError when the text is not a valid INI file, or when the result would not read as intended.
    """
    found = parse_ini(text or "", _normalize)
    edits = [
        LineEdit(start, end, [])
        for section, option, _, start, end in found.options
        if option in sections.get(section, {}) or hidden(section, option)
    ]
    lines = split_lines(text or "")
    for section, values in sections.items():
        option_lines = [_line(option, value) for option, value in values.items()]
        header = found.headers.get(section)
        if header is None:
            edits.append(LineEdit(len(lines), len(lines), [f"[{section}]", *option_lines]))
        else:
            # behind the options that are there: indented ones would continue ours
            last = max([header + 1, *(end for name, _, _, _, end in found.options if name == section)])
            edits.append(LineEdit(last, last, option_lines))
    result = insert_blocks(text, _joined(edits), owner)
    after = parse_ini(result, _normalize)
    for section, values in sections.items():
        for option, value in values.items():
            if (after.value(section, option) or "").split() != value.split():
                raise ConfigurationError(
                    f"{option} can't be added to [{section}] of this file.", hint="Add it by hand."
                )
    return result


def _normalize(option: str) -> str:
    return option.lower().replace("_", "-").removeprefix("--")


def _line(option: str, value: str) -> str:
    return f"{option} = {value}" if "\n" not in value else f"{option} ={value}"


def _joined(edits: Sequence[LineEdit]) -> list[LineEdit]:
    """Return edits with those at one place made one: a new section's lines after the one before it."""
    joined: dict[tuple[int, int], LineEdit] = {}
    for edit in edits:
        key = (edit.start, edit.end)
        before = joined[key].lines if key in joined else []
        joined[key] = LineEdit(edit.start, edit.end, [*before, *edit.lines])
    return list(joined.values())
