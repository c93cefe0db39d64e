"""Results that a run saves for later builds: bytecode, and the modules that hooks import."""

import hashlib
import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from publisher.building.builder import BuildOptions, build_project
from publisher.building.bytecode import keep_bytecode, restore_bytecode
from publisher.building.preload import HookImports
from publisher.files.cache import FileCache
from tests.helpers.projects import commit, make_project
from tests.helpers.waiting import eventually

SOURCE = "VALUE = 42\n"


def _installed(folder: Path, name: str = "acme") -> Path:
    """Return a folder with a module as an installer leaves it."""
    folder.mkdir()
    (folder / f"{name}.py").write_text(SOURCE)
    (folder / "acme-1.0.dist-info").mkdir()
    digest = urlsafe_b64encode(hashlib.sha256(SOURCE.encode()).digest()).rstrip(b"=").decode()
    (folder / "acme-1.0.dist-info/RECORD").write_text(f"{name}.py,sha256={digest},11\n../../bin/acme,sha256=x,1\n")
    return folder


def _value(folder: Path) -> str:
    command = [sys.executable, "-c", "import acme; print(acme.VALUE)"]
    environment = {"PYTHONPATH": str(folder), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _kept() -> list[Path]:
    return [path for path in Path(os.environ["XDG_CACHE_HOME"], "pypi-publish").rglob("*") if path.is_file()]


def test_a_module_that_was_imported_once_is_not_compiled_again(tmp_path: Path) -> None:
    first, second = _installed(tmp_path / "first"), _installed(tmp_path / "second")
    assert _value(first) == "42"
    keep_bytecode(first)
    restore_bytecode(second)
    (second / "acme.py").write_text("VALUE = 'compiled again'\n")
    assert _value(second) == "42"


@pytest.mark.parametrize("edited", ["first", "second"])
def test_a_false_record_misleads_no_build(tmp_path: Path, edited: str) -> None:
    folders = {name: _installed(tmp_path / name) for name in ("first", "second")}
    (folders[edited] / "acme.py").write_text("VALUE = 43\n")
    _value(folders["first"])
    keep_bytecode(folders["first"])
    restore_bytecode(folders["second"])
    assert _value(folders["second"]) == ("43" if edited == "second" else "42")


@pytest.mark.parametrize("line", ["acme.py,sha256=x,11", "acme.py,sha512=abc,11", "acme.py", "acme.py,,", "\udcff"])
def test_a_record_that_says_nothing_useful_is_passed_over(tmp_path: Path, line: str) -> None:
    folder = _installed(tmp_path / "first")
    _value(folder)
    (folder / "acme-1.0.dist-info/RECORD").write_bytes(line.encode("utf-8", "surrogateescape"))
    keep_bytecode(folder)
    restore_bytecode(folder)
    assert not _kept()


def test_bytecode_belongs_to_a_source_not_to_a_name(tmp_path: Path) -> None:
    first, other = _installed(tmp_path / "first"), _installed(tmp_path / "other")
    _value(first)
    keep_bytecode(first)
    (other / "acme.py").write_text("VALUE = 43\n")
    record = other / "acme-1.0.dist-info/RECORD"
    digest = urlsafe_b64encode(hashlib.sha256(b"VALUE = 43\n").digest()).rstrip(b"=").decode()
    record.write_text(f"acme.py,sha256={digest},11\n")
    restore_bytecode(other)
    assert _value(other) == "43"


@pytest.mark.parametrize("content", [b"", b"\0" * 10, None], ids=["empty", "short", "torn"])
def test_torn_bytecode_is_not_used(tmp_path: Path, content: bytes | None) -> None:
    first, second = _installed(tmp_path / "first"), _installed(tmp_path / "second")
    _value(first)
    keep_bytecode(first)
    (kept,) = _kept()
    kept.write_bytes(kept.read_bytes()[:-5] if content is None else content)
    restore_bytecode(second)
    assert not (second / "__pycache__").exists()
    assert _value(second) == "42"


def test_a_cache_that_can_not_be_used_is_no_error(tmp_path: Path) -> None:
    Path(os.environ["XDG_CACHE_HOME"]).write_text("a file, not a folder")
    first = _installed(tmp_path / "first")
    _value(first)
    keep_bytecode(first)
    restore_bytecode(first)
    imports = HookImports()
    imports.learn({"acme"}, "acme", ["acme.more"])
    imports.keep()
    assert HookImports().recall({"acme"}, "acme") == ["acme"]


def test_the_files_that_are_not_used_go_first(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "cache", limit=4)
    for number in range(6):
        cache.write(str(number), b"x")
        os.utime(tmp_path / "cache" / str(number), (number, number))
    assert cache.read("0") == b"x"
    cache.trim()
    assert sorted(cache.names()) == ["0", "5"]


def test_what_hooks_import_is_remembered_for_the_same_requirements() -> None:
    imports = HookImports()
    assert imports.recall(["b", "a"], "acme.api") == ["acme.api"]
    imports.learn(["b", "a"], "acme.api", ["json", "acme.more"])
    imports.keep()
    later = HookImports()
    assert later.recall(["a", "b"], "acme.api") == ["acme.api", "json", "acme.more"]
    assert later.recall(["a"], "acme.api") == ["acme.api"]
    assert later.recall(["a", "b"], "acme.other") == ["acme.other"]


@pytest.mark.parametrize("content", [b"", b"{", b'"text"', b"[1]"])
def test_what_is_remembered_may_be_torn(content: bytes) -> None:
    imports = HookImports()
    imports.learn(["a"], "acme", ["json"])
    imports.keep()
    (kept,) = _kept()
    kept.write_bytes(content)
    assert HookImports().recall(["a"], "acme") == ["acme"]


def test_a_later_build_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    project = make_project(tmp_path / "project")
    commit(project)
    built = [build_project(project, tmp_path / name, BuildOptions("uv")) for name in ("first", "second", "third")]
    assert [file.read_bytes() for file in built[0]] == [file.read_bytes() for file in built[1]]
    assert eventually(lambda: {path.parent.parent.name for path in _kept()} == {"bytecode", "pypi-publish"})
    for path in _kept():
        path.write_bytes(path.read_bytes()[:100])
    fourth = build_project(project, tmp_path / "fourth", BuildOptions("uv"))
    assert [file.read_bytes() for file in fourth] == [file.read_bytes() for file in built[2]]
