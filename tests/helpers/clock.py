"""Clocks that a test sets."""

import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest


def set_monotonic(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float], *modules: ModuleType) -> None:
    """
    Give some modules a monotonic clock of a test's choice.

    Never replace ``time.monotonic`` itself: threads that wait meanwhile, as for an alarm, may then wait for hours.
    """
    for module in modules:
        monkeypatch.setattr(module, "time", SimpleNamespace(**{**vars(time), "monotonic": clock}))
