"""Cases of slow tests: the main ones for `make test`, others for CI, and some that are only run by hand."""

from collections.abc import Container, Iterable
from typing import Any

import pytest


def main_and_wide(cases: Iterable[Any], *main: str, campaign: Container[str] = ()) -> list[Any]:
    """
    Return a parameter for each case, whose ID is the case's name or text.

    It is marked `wide` unless it is a main one, or `campaign` if its name is among those.
    """
    called = [(str(getattr(case, "name", case)), case) for case in cases]
    assert set(main) <= {name for name, _ in called}
    slow = {name: pytest.mark.campaign if name in campaign else pytest.mark.wide for name, _ in called}
    return [pytest.param(case, id=name, marks=() if name in main else slow[name]) for name, case in called]
