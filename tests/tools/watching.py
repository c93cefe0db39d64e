"""A plugin of pytest that keeps the name of the running test in a file, and notes how long each test took."""

import os
from pathlib import Path

import pytest

from tests.tools.reaching import IMPORT

FOLDER = Path(os.environ["NOTES_OF_TESTS"])


def pytest_configure() -> None:
    _note(IMPORT)


def pytest_runtest_logstart(nodeid: str) -> None:
    _note(nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    with (FOLDER / f"seconds.{os.getpid()}").open("a", encoding="utf-8") as file:
        file.write(f"{report.duration}\t{report.nodeid}\n")


def _note(test: str) -> None:
    """Replace the file in one step: other processes read it."""
    new = FOLDER / f"new.{os.getpid()}"
    new.write_text(test, encoding="utf-8")
    new.replace(FOLDER / f"test.{os.getpid()}")
