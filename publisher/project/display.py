"""Numbers and foreign texts as they are shown to people."""

import unicodedata

_UNITS = ("bytes", "kB", "MB", "GB")
_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of characters that steer terminals, turn the direction of a line around, or end it."""


def human_size(size: float) -> str:
    """Return a number of bytes as people read it: 512 bytes, 20.5 kB, 1.2 MB."""
    if size == 1:
        return "1 byte"
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.1f} {unit}" if unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"


def human_age(seconds: float) -> str:
    """Return a number of seconds as people read it: 3 days, 1.5 hours."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = seconds / size
            shown = f"{count:.0f}" if count == round(count) else f"{count:.1f}"
            return f"{shown} {unit}{'' if shown == '1' else 's'}"
    return f"{seconds:.0f} seconds"


def has_control_characters(text: str) -> bool:
    """Return whether a text holds characters that no name needs and that terminals and headers act upon."""
    return not text.isprintable() and any(unicodedata.category(character) == "Cc" for character in text)


def without_control_characters(text: str, *, keep: str = "\n\t") -> str:
    """Return a foreign text with everything that could steer a terminal written as an escape, but for ``keep``."""
    if text.isprintable():
        return text
    return "".join(
        character if character in keep or unicodedata.category(character) not in _HARMFUL else _written(character)
        for character in text
    )


def _written(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
