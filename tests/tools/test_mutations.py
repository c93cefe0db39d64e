"""The tool that judges the tests changes what runs, and nothing that is only read."""

import ast
from pathlib import Path

import pytest

from tests.tools.mutations import mutations


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("x = a == b", "x = a != b"),
        ("x = a < b", "x = a <= b"),
        ("x = a in b", "x = a not in b"),
        ("x = a is None", "x = a is not None"),
        ("x = a and b", "x = (a or b)"),
        ("x = not a", "x = bool(a)"),
        ("x = True", "x = False"),
        ("x = 7", "x = 8"),
        ("x = 'ä-1'", "x = 'ä-1-'"),
        ("x = a + b", "x = (a - b)"),
        ("x = a if c else b", "x = (b if c else a)"),
        ("def f():\n    return a", "def f():\n    return None"),
        ("if a:\n    f()", "if a:\n    pass"),
        ("for x in y:\n    break", "for x in y:\n    continue"),
        ("def f():\n    raise a", "def f():\n    pass"),
    ],
)
def test_what_runs_is_changed(tmp_path: Path, source: str, changed: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    (mutation,) = mutations(path)
    mutation.apply()
    assert path.read_text(encoding="utf-8") == changed


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "from a import b",
        "def f(x: Literal['a']) -> 'C': ...",
        "@lru_cache(maxsize=7)\ndef f(): ...",
        "logger.warning('gone', 7)",
        "__all__ = ['a']",
        "x = 'text for people'",
        "x = f'{a}-{7}'",
        "x = y.encode('utf-8')",
        "def f():\n    return None",
    ],
)
def test_what_is_only_read_stays(tmp_path: Path, source: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    assert not list(mutations(path))


def test_every_change_of_our_own_source_is_python() -> None:
    for path in [
        Path(__file__).parents[2] / "publisher" / "secret.py",
        Path(__file__).parents[2] / "publisher" / "waiting.py",
    ]:
        source = path.read_bytes()
        for mutation in mutations(path):
            ast.parse(source[: mutation.start] + mutation.after.encode() + source[mutation.end :])
