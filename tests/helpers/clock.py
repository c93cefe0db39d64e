"""Fake clocks."""

import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest


def set_monotonic(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float], *modules: ModuleType) -> None:
    """
    Replace the monotonic clock of some modules.

    Never replace ``time.monotonic`` itself: other threads use it for timeouts, and might then wait for hours.
    """
    for module in modules:
        monkeypatch.setattr(module, "time", SimpleNamespace(**{**vars(time), "monotonic": clock}))
