"""Findings of a check that yields them and returns a result."""

from collections.abc import Generator
from typing import TypeVar

from publisher.machine.diagnosis import Diagnosis

T = TypeVar("T")


def run_check(check: Generator[Diagnosis, None, T]) -> tuple[list[Diagnosis], T]:
    """Return all findings of a check, and its result."""
    found = []
    while True:
        try:
            found.append(next(check))
        except StopIteration as end:
            return found, end.value
