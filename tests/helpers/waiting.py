"""Waiting for what another process does in its own time."""

import time
from collections.abc import Callable

PATIENCE = 20.0


def eventually(check: Callable[[], bool], *, step: float = 0.05, patience: float = PATIENCE) -> bool:
    """Ask until it is true, every so many seconds; the time is bounded, not measured."""
    deadline = time.monotonic() + patience
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True
