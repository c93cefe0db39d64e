"""A cache of files that may go at any time."""

import os
from pathlib import Path

import pytest

from publisher.files.cache import FileCache, cache_folder, open_cache


def test_a_file_is_kept_until_it_is_removed(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "deep" / "cache", 10)
    assert cache.names() == frozenset()
    assert cache.read("a") is None
    cache.write("a", b"one")
    cache.write("a", b"two")
    cache.write("b", b"")
    assert (cache.read("a"), cache.read("b")) == (b"two", b"")
    assert cache.names() == {"a", "b"}
    assert (tmp_path / "deep" / "cache" / "a").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_can_not_be_used_is_an_empty_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = FileCache(tmp_path / "file", 1)
    cache.write("a", b"x")
    cache.trim()
    assert (cache.names(), cache.read("a")) == (frozenset(), None)


@pytest.mark.parametrize(
    ("limit", "count", "left"),
    [(4, 3, "abc"), (4, 4, "abcd"), (4, 5, "de"), (4, 8, "gh"), (5, 6, "def"), (1, 2, "b")],
)
def test_the_files_that_were_used_longest_ago_go_first(tmp_path: Path, limit: int, count: int, left: str) -> None:
    cache = FileCache(tmp_path, limit)
    for number, name in enumerate("abcdefgh"[:count]):
        cache.write(name, b"x")
        os.utime(tmp_path / name, (number, number))
    cache.trim()
    assert "".join(sorted(cache.names())) == left


def test_a_read_is_a_use(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 2)
    for number, name in enumerate("abc"):
        cache.write(name, b"x")
        os.utime(tmp_path / name, (number, number))
    assert cache.read("a") == b"x"
    cache.trim()
    assert cache.names() == {"a"}


def test_each_kind_has_a_folder_in_the_persons_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = cache_folder("pages")
    assert folder.name == "pages"
    assert folder.is_relative_to(tmp_path)
    assert not folder.exists()
    open_cache("pages", 3).write("a", b"x")
    assert (folder / "a").read_bytes() == b"x"
    assert cache_folder("other").parent == folder.parent
