"""Accounts, records, owned names and logs reach their files through a storage alone."""

import ast
from pathlib import Path

import pytest

import publisher.server

SERVER = Path(publisher.server.__file__).parent
OVER_A_STORAGE = [
    *sorted((SERVER / "auth").rglob("*.py")),
    *(SERVER / "store" / f"{name}.py" for name in ("ledger", "owned_names", "recording", "records")),
]
BY_PATH = {
    *("exists", "glob", "is_dir", "is_file", "iterdir", "lstat", "open", "read_bytes", "read_text", "rename", "rglob"),
    *("rmdir", "scandir", "symlink_to", "touch", "unlink", "write_bytes", "write_text"),
}


def _by_path(source: str) -> list[str]:
    """Return the calls that reach a file by its path: methods of `Path`, functions of `os`, and `open`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name("open"):
                found.append("open")
            case ast.Attribute(ast.Name("os"), name) if name != "urandom":
                found.append(f"os.{name}")
            case ast.Attribute(_, name) if name in BY_PATH:
                found.append(name)
    return found


@pytest.mark.parametrize("path", OVER_A_STORAGE, ids=lambda path: str(path.relative_to(SERVER)))
def test_state_is_reached_through_a_storage_alone(path: Path) -> None:
    assert _by_path(path.read_text()) == []


@pytest.mark.parametrize("line", ["open('x')", "path.open()", "os.stat(x)", "self._path.read_bytes()", "p.exists()"])
def test_a_way_around_the_storage_is_found(line: str) -> None:
    assert _by_path(line)
