"""Texts of pyproject.toml as the checks of sources read them."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

from publisher.checks.document import Document
from publisher.checks.violations import Violation

Check = Callable[[Document], Iterable[Violation]]


def document(text: str, folder: Path = Path("project")) -> Document:
    """Return a text as the file of a project."""
    return Document(folder, text, tomllib.loads(text))


def findings(check: Check, text: str, folder: Path = Path("project")) -> list[tuple[str, int | None]]:
    """Return code and line of everything that a check finds in a text."""
    return [(found.rule.code, found.line) for found in check(document(text, folder))]


def messages(check: Check, text: str, folder: Path = Path("project")) -> list[str]:
    """Return code and message of everything that a check finds in a text."""
    return [f"{found.rule.code} {found.message}" for found in check(document(text, folder))]
