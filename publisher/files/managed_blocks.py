"""Lines that are added to another program's text file between two marks, and can be removed without a trace."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_BEGIN = "#>>>pypi-publish-config-"
_END = "#<<<pypi-publish-config-"  # one word: Python's netrc takes a second one in a comment for a part of an entry
_HIDDEN = "#| "
MARKS = (_BEGIN, _END)
"""Prefixes of the lines around inserted ones."""

_UNENDED = ":the-line-before-had-no-end"
_MADE = ":the-file-is-made-of-these-lines"

BYTE_ORDER_MARK = "\ufeff"


class LineEdit(NamedTuple):
    """Lines to put in place of those from ``start`` to ``end``, counted from 0; the old ones are kept as comments."""

    start: int
    end: int
    lines: Sequence[str]


def split_lines(text: str) -> list[str]:
    r"""Return lines with their ends, where only ``\n`` ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def insert_blocks(text: str | None, edits: Iterable[LineEdit], owner: str) -> str:
    """Return a text with lines put in for an owner, one word; ``None`` is a file that does not exist yet."""
    lines = split_lines(text or "")
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    for edit in reversed(ordered):
        hidden = lines[edit.start : edit.end]
        notes = [_MADE] if text is None else []
        before = hidden or lines[: edit.start]
        if edit.end == len(lines) and before and not before[-1].endswith("\n"):
            notes.append(_UNENDED)
            before[-1] += newline
            if not hidden:
                lines[edit.start - 1] += newline
        block = [
            "".join([_BEGIN, owner, *notes, newline]),
            *(_HIDDEN + line for line in hidden),
            *(line + newline for line in edit.lines),
        ]
        lines[edit.start : edit.end] = [*block, _END + owner + newline]
    return "".join(lines)


def remove_blocks(text: str, owner: str) -> str | None:
    """Return a text without an owner's lines, and with those that they hid; None for a file that was made of them."""
    begin, end = _marks(owner)
    kept: list[str] = []
    notes = ""
    inside = made = unended = False
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    for line in split_lines(text.removeprefix(mark)):
        if not inside and begin.match(line):
            inside, notes = True, line
            made = made or _MADE in line
        elif inside and end.match(line):
            inside, unended = False, _UNENDED in notes
        elif inside:
            kept += [line.removeprefix(_HIDDEN)] if line.startswith(_HIDDEN) else []
        else:
            kept.append(line)
            unended = False
    found = mark + "".join(kept)
    if unended:
        found = found.removesuffix("\n").removesuffix("\r")
    return None if made and not found else found


def _marks(owner: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return re.compile(f"{_BEGIN}{owner}(:|\\s|$)"), re.compile(f"{_END}{owner}\\s*$")


def added_lines(text: str, owner: str) -> list[str]:
    """Return an owner's lines, without those that they hid."""
    begin, end = _marks(owner)
    added = []
    inside = False
    for line in split_lines(text.removeprefix(BYTE_ORDER_MARK)):
        if begin.match(line) or end.match(line):
            inside = begin.match(line) is not None
        elif inside and not line.startswith(_HIDDEN):
            added.append(line)
    return added
