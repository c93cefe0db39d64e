"""
One table for all benchmarks: each row is a measurement, and whether it reached its bound.

`make bench` has each script add its rows to a file, and prints them together: python benchmarks/tables.py FILE.
With ``--markdown``, it prints them for docs/explanation/performance.md, by script.
"""

import argparse
import operator
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROWS = "BENCHMARK_ROWS"
"""The environment variable with the file that gets a copy of each row, its columns separated by tabs."""

_SIGNS = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}
_SHOWN = {"<=": "≤", ">=": "≥", "=": "="}
_FLOOR = "floor"
"""In place of a bound: the row compares a floor with a limit."""


def heading() -> None:
    """Print the names of the columns."""
    print(f"{'measured':<76}{'ours':>12}{'other':>12}{'result':>10}  must be", flush=True)


def floor_heading() -> None:
    """Print the names of the columns of floors."""
    print(f"{'what no program of this kind can avoid':<76}{'floor':>12}{'limit':>12}{'result':>10}", flush=True)


def floor(what: str, least: float, allowed: float, unit: str = "") -> None:
    """Print the least that something can take beside the limit of its row; a floor above it proves it out of reach."""
    shown = [f"{_rounded(number, 4)}{unit}" for number in (least, allowed)]
    verdict = "out of reach" if least > allowed else "NOT PROVEN"
    _write((f"floor: {what}", *shown, _rounded(least / allowed, 3), _FLOOR, verdict))


def row(what: str, ours: float, other: float, bound: str, unit: str = "") -> None:
    """Print a measurement beside another one of the same run; ``bound`` (``<= 1.2``) is for their ratio."""
    _print(
        what,
        [f"{_rounded(number, 4)}{unit}" for number in (ours, other)],
        ours / other if other else float("inf"),
        bound,
    )


def limit(what: str, value: float, bound: str, unit: str = "") -> None:
    """Print a measurement that has a bound (``<= 150``) of its own."""
    _print(what, [f"{_rounded(value, 4)}{unit}", ""], value, bound)


def holds(value: float, bound: str) -> bool:
    """Return whether a value is within a bound."""
    sign, number = bound.split()
    return bool(_SIGNS[sign](value, float(number.replace(",", ""))))


def _print(what: str, shown: list[str], result: float, bound: str) -> None:
    verdict = "reached" if holds(result, bound) else "NOT REACHED"
    _write((what.strip(), *shown, _rounded(result, 3), bound, verdict))


def _write(columns: Sequence[str]) -> None:
    print(_line(columns), flush=True)
    if ROWS in os.environ:
        with Path(os.environ[ROWS]).open("a", encoding="utf-8") as rows:
            rows.write("\t".join((Path(sys.argv[0]).name, *columns)) + "\n")


def _rounded(number: float, digits: int) -> str:
    """Return a number with so many digits that count, and never as a power of ten."""
    rounded = float(f"{number:.{digits}g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:.{digits}g}"


def _line(columns: Sequence[str]) -> str:
    what, ours, other, result, bound, verdict = columns
    return f"{what:<76}{ours:>12}{other:>12}{result:>10}  {bound} {verdict}"


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| measured | ours | the other | ratio | must be |", "|---|--:|--:|--:|---|"]
    script = ""
    for name, what, ours, other, result, bound, verdict in rows:
        if name != script:
            script = name
            lines.append(f"| **`{name}`** | | | | |")
        if bound == _FLOOR:
            lines.append(f"| {what}, limit | {ours} | {other} | {result} | {verdict.lower()} |")
            continue
        sign, number = bound.split()
        reached = "" if verdict == "reached" else ": **not reached**"
        lines.append(f"| {what} | {ours} | {other} | {result if other else ''} | {_SHOWN[sign]} {number}{reached} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--markdown", action="store_true", help="print a table for a page")
    options = parser.parse_args()
    rows = [line.split("\t") for line in options.file.read_text(encoding="utf-8").splitlines()]
    if options.markdown:
        print("\n".join(_markdown(rows)))
        return
    heading()
    print("\n".join(_line(columns) for _, *columns in rows))
    goals = [columns for columns in rows if columns[-2] != _FLOOR]
    print(f"{sum(columns[-1] == 'reached' for columns in goals)} of {len(goals)} rows reached")


if __name__ == "__main__":
    main()
