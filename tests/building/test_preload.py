"""Modules that hooks imported: recalled by requirements and backend, in this run and in later ones."""

from pathlib import Path

import pytest

from publisher.building import preload
from publisher.building.preload import HookImports
from publisher.files.cache import cache_folder


def _files() -> list[Path]:
    folder = cache_folder("imports")
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_the_backend_itself_is_known_at_first() -> None:
    assert HookImports().recall({"hatchling"}, "hatchling.build") == ["hatchling.build"]


def test_modules_are_added_once_in_their_order() -> None:
    imports = HookImports()
    imports.learn(["hatchling"], "b", ["x", "b", "y", "x"])
    imports.learn(["hatchling"], "b", ["z", "x"])
    assert imports.recall({"hatchling"}, "b") == ["b", "x", "y", "z"]
    assert imports.recall({"hatchling", "more"}, "b") == ["b"]
    assert imports.recall({"hatchling"}, "other") == ["other"]


def test_modules_that_no_package_replaces_are_known_apart() -> None:
    imports = HookImports()
    imports.learn(["a"], "b", ["json.decoder", "distutils.log", "jsonschema", "tarfile", "_json"])
    assert imports.recall_standard(["a"], "b") == ["json.decoder", "tarfile", "_json"]


def test_later_runs_know_what_was_kept() -> None:
    first = HookImports()
    first.learn(["b", "a"], "backend", ["x"])
    assert HookImports().recall(["a", "b"], "backend") == ["backend"]
    assert _files() == []
    first.keep()
    assert HookImports().recall(["a", "b"], "backend") == ["backend", "x"]
    assert len(_files()) == 1


def test_nothing_is_written_where_nothing_is_new() -> None:
    first = HookImports()
    first.learn(["a"], "backend", ["x"])
    first.keep()
    (file,) = _files()
    file.write_bytes(b'["backend","x"]')  # as it would not be written
    before = file.read_bytes()
    second = HookImports()
    second.learn(["a"], "backend", ["backend", "x"])
    second.keep()
    first.keep()
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b'["x", 1]', b"\xff"])
def test_a_broken_file_counts_for_nothing(content: bytes) -> None:
    first = HookImports()
    first.learn(["a"], "backend", ["x"])
    first.keep()
    (file,) = _files()
    file.write_bytes(content)
    assert HookImports().recall(["a"], "backend") == ["backend"]


def test_old_sets_are_removed_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preload, "_LIMIT", 2)
    imports = HookImports()
    for number in range(3):
        imports.learn([str(number)], "backend", ["x"])
    imports.keep()
    assert len(_files()) < 3
