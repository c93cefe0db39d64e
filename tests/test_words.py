"""Words that must not come back into sentences that people read: help, messages, docstrings, comments and docs."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = re.compile(r"\b(mend|mends|mended|whoever|nobody|somebody|told|stands? there|let in)\b", re.IGNORECASE)
SUFFIXES = {".py", ".md", ".yml", ".yaml", ".toml", ".sh", ".service", ".conf", ".html"}
PLACES = ("publisher", "docs", "deployments", "github-actions", ".github", "benchmarks")
ALLOWED: dict[str, str] = {}
"""Reasons for exceptions, by path and line as ``path: text``."""

FILES = sorted(
    path
    for place in [*(ROOT / name for name in PLACES), ROOT]
    for path in (place.glob("*") if place == ROOT else place.rglob("*"))
    if path.is_file() and (path.suffix in SUFFIXES or path.name in {"Makefile", "Containerfile"})
)


def test_no_foreign_word_is_back() -> None:
    lines = (
        f"{path.relative_to(ROOT).as_posix()}: {line.strip()}"
        for path in FILES
        for line in path.read_text("utf-8").splitlines()
        if WORDS.search(line)
    )
    assert not [line for line in lines if line not in ALLOWED]


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


def _docstrings() -> str:
    """Return all docstrings of the package, also those of attributes."""
    trees = (ast.parse(path.read_text("utf-8")) for path in (ROOT / "publisher").rglob("*.py"))
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return "\n".join(str(each.value) for each in constants if isinstance(each, ast.Constant))


def test_docstrings_name_things_instead_of_writing_around_them() -> None:
    words = re.findall(r"[a-z']+", _docstrings().lower())
    assert words.count("what") < len(words) / 1000, "say the noun: `the outcome for each file`, not `what became of it`"
