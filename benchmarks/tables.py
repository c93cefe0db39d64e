"""
One table for all benchmarks: each row is a measurement, and whether it reached its bound.

`make bench` has each script add its rows to a file, and prints them together: python benchmarks/tables.py FILE
"""

import operator
import os
import sys
from pathlib import Path

ROWS = "BENCHMARK_ROWS"
"""The environment variable with the file that gets a copy of each row."""

_SIGNS = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


def heading() -> None:
    """Print the names of the columns."""
    print(f"{'measured':<76}{'ours':>12}{'other':>12}{'result':>10}  must be", flush=True)


def row(what: str, ours: float, other: float, bound: str, unit: str = "") -> None:
    """Print a measurement beside another one of the same run; ``bound`` (``<= 1.2``) is for their ratio."""
    _print(what, [f"{number:,.4g}{unit}" for number in (ours, other)], ours / other if other else float("inf"), bound)


def limit(what: str, value: float, bound: str, unit: str = "") -> None:
    """Print a measurement that has a bound (``<= 150``) of its own."""
    _print(what, [f"{value:,.4g}{unit}", ""], value, bound)


def holds(value: float, bound: str) -> bool:
    """Return whether a value is within a bound."""
    sign, number = bound.split()
    return bool(_SIGNS[sign](value, float(number.replace(",", ""))))


def _print(what: str, shown: list[str], result: float, bound: str) -> None:
    verdict = "reached" if holds(result, bound) else "NOT REACHED"
    line = f"{what:<76}{shown[0]:>12}{shown[1]:>12}{result:>10.3g}  {bound} {verdict}"
    print(line, flush=True)
    if ROWS in os.environ:
        with Path(os.environ[ROWS]).open("a", encoding="utf-8") as rows:
            rows.write(f"{line}\n")


def main() -> None:
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    heading()
    print("\n".join(lines))
    print(f"{sum(line.endswith(' reached') for line in lines)} of {len(lines)} rows reached")


if __name__ == "__main__":
    main()
