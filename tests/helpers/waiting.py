"""Waiting for another process."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 20.0


def eventually(check: Callable[[], bool], *, step: float = 0.05, patience: float = PATIENCE) -> bool:
    """Ask until it is true, every so many seconds; the time is bounded, not measured."""
    deadline = time.monotonic() + patience
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


def is_running(pid: int) -> bool:
    """Return whether a process is there and has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "(zombie)" not in status.read_text()


async def eventually_async(check: Callable[[], bool], *, patience: float = PATIENCE) -> None:
    """Let the event loop run until it is true; raises TimeoutError."""
    async with asyncio.timeout(patience):
        while not check():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.005)
