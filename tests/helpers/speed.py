"""Bounds on processor time, adjusted to the current speed of the machine."""

import time

USUAL = 0.05
"""Seconds of processor time that `_work` takes on the machine on which the bounds were measured."""


def is_within(used: float, seconds: float) -> bool:
    """Return whether processor time in seconds is below a bound, which grows if the machine is slow."""
    return used < seconds or used < seconds * _seconds_of_work() / USUAL


def _seconds_of_work() -> float:
    began = time.process_time()
    for _ in range(3):
        _work()
    return (time.process_time() - began) / 3


def _work() -> None:
    found = {}
    for number in range(200_000):
        found[f"name{number % 1000}"] = number, str(number)
