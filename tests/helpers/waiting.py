"""Waiting for what another process does in its own time."""

import time
from collections.abc import Callable

PATIENCE = 20.0


def eventually(check: Callable[[], bool]) -> bool:
    """Ask until it is true; the time is bounded, not measured."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
