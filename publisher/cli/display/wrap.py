"""Text wrapped to the terminal's width."""

import re
import shutil
import textwrap

WIDEST = 110
"""Columns after which a line is hard to read, however wide the terminal is."""

LABEL_WIDTH = 10
"""Columns for which labels stay in front of indented text; longer ones are followed by text indented so far."""

_CODE = re.compile(r"`[^`]*`")
_QUANTITY = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|B|kB|MB|GB|days?|files?)\b)")
_GLUE = "\ue000"
"""Stands for a space that is no place to break: a character of Unicode's private use, which no text has."""


def wrap(text: str, *, label: str = "", indent: int = 0) -> list[str]:
    """
    Return the lines of one paragraph behind a label, the others indented like its text.

    Each is shorter than the terminal by ``indent`` columns, which the caller adds. A command in backticks or a URL is
    for copying, so it is never broken: its line may be longer. A number stays with its unit.
    """
    width = max(min(shutil.get_terminal_size().columns, WIDEST) - indent, 40)
    own = text[: len(text) - len(text.lstrip())]
    body = _CODE.sub(lambda code: code[0].replace(" ", _GLUE), text.strip())
    body = _QUANTITY.sub(_GLUE, body)
    if label:
        body = f"{label.replace(' ', _GLUE)} {body}"
    hanging = min(len(label), LABEL_WIDTH) + 1 if label else 0
    if max(map(len, body.split()), default=0) > width - hanging - len(own):
        hanging = min(hanging, 2)
    lines = textwrap.wrap(
        body,
        width,
        initial_indent=own,
        subsequent_indent=own + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in lines] or [""]
