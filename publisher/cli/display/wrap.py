"""Text wrapped to the terminal's width."""

import shutil
import textwrap

WIDEST = 110
"""Columns after which a line is hard to read, however wide the terminal is."""


def wrap(text: str, *, indent: int = 0) -> list[str]:
    """
    Return the lines of one paragraph, each short enough for an indent of so many columns.

    A command or URL is for copying, so it is never broken: its line may be longer.
    """
    width = min(shutil.get_terminal_size().columns, WIDEST) - indent
    return textwrap.wrap(text, max(width, 40), break_long_words=False, break_on_hyphens=False) or [""]
