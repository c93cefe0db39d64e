"""The type of options that take a duration: ``90d``, ``12h``, ``30m``."""

import re

import click

_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def duration(text: str) -> float:
    """Return the seconds of a number with a unit."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip())
    if found is None or not int(found[1]):
        raise click.BadParameter(f"{text!r}: expected a duration like 90d, 12h or 30m.")
    return int(found[1]) * _SECONDS[found[2]]
