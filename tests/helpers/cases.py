"""Cases of slow tests: the main ones for `make test`, and all of them for CI."""

from collections.abc import Iterable
from typing import Any

import pytest


def main_and_wide(cases: Iterable[Any], *main: str) -> list[Any]:
    """Return a parameter for each case, marked `wide` unless it is a main one; its ID is the case's name or text."""
    called = [(str(getattr(case, "name", case)), case) for case in cases]
    assert set(main) <= {name for name, _ in called}
    return [pytest.param(case, id=name, marks=() if name in main else pytest.mark.wide) for name, case in called]
