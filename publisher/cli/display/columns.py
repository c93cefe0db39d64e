"""The columns of a progress line that fit into a terminal: name, bar, time, rate, size, the most useful first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GAP = 2
TIME, RATE, SIZE = 7, 10, 20
"""Widths: ``waiting``, ``999.9 kB/s``, ``999.9 MB of 999.9 MB``."""

SHORTEST_BAR, LONGEST_BAR = 10, 40
SHORTEST_NAME = 20


@dataclass(frozen=True)
class Columns:
    """The width of the names and of the bars, and how many of time, rate and size fit; a bar of 0 is left out."""

    name_width: int
    bar: int
    count: int

    def name(self, name: str) -> str:
        """Return a name in the width of its column, its middle left out where it is too long."""
        if len(name) <= self.name_width:
            return name.ljust(self.name_width)
        kept = self.name_width - 1
        end = kept // 2
        return f"{name[: kept - end]}…{name[len(name) - end :]}"

    def facts(self, *texts: str) -> Iterator[str]:
        """Yield time, rate and size as far as they fit, each in the width of its column."""
        for text, width in zip(texts[: self.count], (TIME, RATE, SIZE), strict=False):
            yield text.rjust(width)


def fit_columns(names: Sequence[str], width: int) -> Columns:
    """
    Return the columns that fit into a width.

    Size is dropped first, then rate, then time; a name is shortened before its bar and time are dropped.
    """
    longest = max((len(name) for name in names), default=0)
    for count, facts in ((3, (TIME, RATE, SIZE)), (2, (TIME, RATE)), (1, (TIME,))):
        room = width - sum(GAP + each for each in facts) - GAP - longest
        if room >= SHORTEST_BAR:
            return Columns(longest, min(room, LONGEST_BAR), count)
    room = width - GAP - TIME - GAP - SHORTEST_BAR
    if room >= SHORTEST_NAME:
        return Columns(room, SHORTEST_BAR, 1)
    return Columns(min(longest, max(width, 1)), 0, 0)
