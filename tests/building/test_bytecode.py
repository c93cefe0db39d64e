"""Bytecode that is kept for later environments, by the digest of its source."""

import errno
import hashlib
import importlib.util
import os
import py_compile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from publisher.building import bytecode
from publisher.building.bytecode import keep_bytecode, restore_bytecode
from publisher.files.cache import cache_folder

SOURCE = b"answer = 42\n"


def _packages(folder: Path, source: bytes = SOURCE, *, recorded: bytes | None = None) -> Path:
    """Write a module with a RECORD, in which it has the digest of other bytes where they are given."""
    module = folder / "acme/__init__.py"
    module.parent.mkdir(parents=True)
    module.write_bytes(source)
    info = folder / "acme-1.dist-info"
    info.mkdir()
    digest = hashlib.sha256(source if recorded is None else recorded).digest()
    hashed = urlsafe_b64encode(digest).rstrip(b"=").decode()
    (info / "RECORD").write_text(f"acme/__init__.py,sha256={hashed},{len(source)}\nacme-1.dist-info/RECORD,,\n")
    return folder


def _compiled(packages: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(packages / "acme/__init__.py")))


def _compile(packages: Path) -> None:
    py_compile.compile(str(packages / "acme/__init__.py"), doraise=True)


def _kept() -> list[Path]:
    return sorted(path for path in cache_folder("bytecode").rglob("*") if path.is_file())


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The bytecode of an imported module, kept by its source's digest."""
    first = _packages(tmp_path / "first")
    _compile(first)
    keep_bytecode(first)
    (file,) = _kept()
    assert file.name == hashlib.sha256(SOURCE).hexdigest()
    return file


@pytest.mark.usefixtures("kept")
def test_a_later_environment_gets_it_and_python_takes_it(tmp_path: Path) -> None:
    second = _packages(tmp_path / "second")
    restore_bytecode(second)
    content = _compiled(second).read_bytes()
    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(content[4:8], "little") == 1  # valid by digest, and not looked after
    assert content[16:] == _compiled(tmp_path / "first").read_bytes()[16:]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("source", "recorded"),
    [(b"answer = 43\n", None), (b"answer = 43\n", SOURCE)],  # another module; one that was edited after its RECORD
)
def test_another_source_does_not_get_it(tmp_path: Path, source: bytes, recorded: bytes | None) -> None:
    second = _packages(tmp_path / "second", source, recorded=recorded)
    restore_bytecode(second)
    assert not _compiled(second).exists()


@pytest.mark.parametrize(
    "torn",
    [
        lambda content: content[:0],
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"\0" + content[1:],
        lambda content: content[:4] + b"\0" + content[5:],
    ],
)
def test_a_torn_file_is_not_used(kept: Path, tmp_path: Path, torn: object) -> None:
    assert callable(torn)
    kept.write_bytes(torn(kept.read_bytes()))
    second = _packages(tmp_path / "second")
    restore_bytecode(second)
    assert not _compiled(second).exists()


def test_a_module_that_was_not_imported_is_not_kept(tmp_path: Path) -> None:
    keep_bytecode(_packages(tmp_path / "first"))
    assert _kept() == []


def test_a_module_that_was_edited_after_its_record_is_not_kept(tmp_path: Path) -> None:
    first = _packages(tmp_path / "first", recorded=b"other")
    _compile(first)
    keep_bytecode(first)
    assert _kept() == []


def test_what_is_kept_is_not_written_again(kept: Path, tmp_path: Path) -> None:
    kept.write_bytes(b"as it is")
    second = _packages(tmp_path / "second")
    _compile(second)
    keep_bytecode(second)
    assert kept.read_bytes() == b"as it is"


@pytest.mark.parametrize(
    "line",
    [
        "../acme/__init__.py,sha256={0},12",
        "/acme/__init__.py,sha256={0},12",
        '"acme/__init__.py",sha256={0},12',
        "acme/__init__.py,md5={0},12",
        "acme/__init__.pyi,sha256={0},12",
        "acme/__init__.py,,",
        "acme/absent.py,sha256={0},12",
        "",
    ],
)
def test_other_lines_of_a_record_are_passed_over(tmp_path: Path, line: str) -> None:
    first = _packages(tmp_path / "first")
    _compile(first)
    hashed = urlsafe_b64encode(hashlib.sha256(SOURCE).digest()).decode().rstrip("=")
    (first / "acme-1.dist-info/RECORD").write_text(line.format(hashed) + "\n")
    keep_bytecode(first)
    assert _kept() == []


def test_a_broken_record_does_not_stop_the_others(tmp_path: Path) -> None:
    first = _packages(tmp_path / "first")
    _compile(first)
    for number, content in enumerate((b"\xff", b"acme/__init__.py,sha256=x,1\n")):
        (first / f"a{number}-1.dist-info").mkdir()
        (first / f"a{number}-1.dist-info/RECORD").write_bytes(content)
    keep_bytecode(first)
    assert len(_kept()) == 1
    restore_bytecode(first)


def test_a_kept_file_gets_a_second_name(kept: Path, tmp_path: Path) -> None:
    second = _packages(tmp_path / "second")
    restore_bytecode(second)
    assert _compiled(second).samefile(kept)


def test_a_kept_file_on_another_disk_is_copied(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def link(source: str, target: str) -> None:
        if Path(target).parent.is_dir():
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    second = _packages(tmp_path / "second")
    restore_bytecode(second)
    assert _compiled(second).read_bytes() == kept.read_bytes()
    assert not _compiled(second).samefile(kept)


@pytest.mark.usefixtures("kept")
def test_bytecode_that_a_package_brings_stays_as_it_is(tmp_path: Path) -> None:
    second = _packages(tmp_path / "second")
    own, cached = _compiled(second), tmp_path / "cached"
    cached.write_bytes(b"its own")
    own.parent.mkdir()
    own.hardlink_to(cached)
    restore_bytecode(second)
    assert own.read_bytes() == cached.read_bytes() == b"its own"


@pytest.mark.usefixtures("kept")
def test_a_folder_of_bytecode_that_is_there_is_used(tmp_path: Path) -> None:
    second = _packages(tmp_path / "second")
    _compiled(second).parent.mkdir()
    restore_bytecode(second)
    assert _compiled(second).exists()


def test_old_bytecode_is_removed_when_there_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytecode, "_LIMIT", 2)
    for number in range(3):
        packages = _packages(tmp_path / str(number), f"answer = {number}\n".encode())
        _compile(packages)
        keep_bytecode(packages)
    assert len(_kept()) < 3


def test_an_environment_without_packages_is_no_error(tmp_path: Path) -> None:
    keep_bytecode(tmp_path / "absent")
    restore_bytecode(tmp_path / "absent")
    assert _kept() == []
