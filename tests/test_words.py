"""Words that must not come back into sentences that people read: help, messages, docstrings, comments and docs."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GAP = r"[\s#]+"
"""Between the words of a phrase, which may continue on the next line, also of a comment."""
WORDS = re.compile(
    rf"\b(mend|mends|mended|whoever|nobod(?:y|ys|ies)|somebod(?:y|ys|ies)|told|stands?{GAP}there|let{GAP}in)\b",
    re.IGNORECASE,
)
TELLING = re.compile(rf"\btells?{GAP}(?:\w+{GAP}){{0,2}}(?:whether|that|which|why|of)\b", re.IGNORECASE)
"""Return or report; `can't tell A from B` stays."""
SUFFIXES = {".py", ".md", ".yml", ".yaml", ".toml", ".sh", ".service", ".conf", ".html"}
PLACES = ("publisher", "docs", "deployments", "github-actions", ".github", "benchmarks")
ALLOWED: dict[str, str] = {}
"""Reasons for exceptions, by path and words as ``path: words``."""

FILES = sorted(
    path
    for place in [*(ROOT / name for name in PLACES), ROOT]
    for path in (place.glob("*") if place == ROOT else place.rglob("*"))
    if path.is_file() and (path.suffix in SUFFIXES or path.name in {"Makefile", "Containerfile"})
)


@pytest.mark.parametrize("text", ["Nobody is", "of somebodys own", "it stands\n    there twice", "is let\n# in by it"])
def test_words_are_found_across_lines_and_in_other_forms(text: str) -> None:
    assert WORDS.search(text)


def test_telling_is_found_across_lines_and_telling_apart_is_allowed() -> None:
    assert TELLING.search("Tell without waiting\n        whether it is known.")
    assert TELLING.search("``leased`` tells\n    that they may be replaced.")
    assert not TELLING.search("can't tell your users apart, or one from another")


def test_no_foreign_word_is_back() -> None:
    found = (
        f"{path.relative_to(ROOT).as_posix()}: {' '.join(match[0].split())}"
        for path in FILES
        for match in WORDS.finditer(path.read_text("utf-8"))
    )
    assert not [each for each in found if each not in ALLOWED]


def test_no_foreign_word_is_back_in_names_and_docstrings_of_tests() -> None:
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.FunctionDef(name=text) | ast.AsyncFunctionDef(name=text) | ast.ClassDef(name=text):
                    text = text.replace("_", " ")
                case ast.Expr(value=ast.Constant(value=str(text))):
                    pass
                case _:
                    continue
            if WORDS.search(text):
                found.append(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}: {text}")
    assert not found


@cache
def _docstrings(place: str) -> list[tuple[str, str]]:
    """Return the place and the text of all docstrings in a folder, also those of attributes."""
    return [
        (f"{path.relative_to(ROOT).as_posix()}:{node.lineno}", node.value.value)
        for path in sorted((ROOT / place).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]


def test_docstrings_name_things_instead_of_writing_around_them() -> None:
    words = re.findall(r"[a-z']+", " ".join(text for _, text in _docstrings("publisher")).lower())
    assert words.count("what") < len(words) / 1000, "say the noun: `the outcome for each file`, not `what became of it`"


@pytest.mark.parametrize("place", ["publisher", "tests", "benchmarks", "deployments"])
def test_no_docstring_begins_with_what(place: str) -> None:
    assert not [f"{where}: {text}" for where, text in _docstrings(place) if text.lstrip().startswith("What ")]


@pytest.mark.parametrize("place", ["publisher", "tests", "benchmarks", "deployments"])
def test_docstrings_return_or_report_and_do_not_tell(place: str) -> None:
    assert not [f"{where}: {text}" for where, text in _docstrings(place) if TELLING.search(text)]
