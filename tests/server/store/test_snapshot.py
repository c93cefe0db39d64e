"""A start from a snapshot: the same catalog as without it, whatever has happened to folder and snapshot since."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.catalog import Catalog
from publisher.server.store.snapshot import keeping
from publisher.server.store.snapshot.encoding import encode_snapshot, read_snapshot
from tests.helpers.dists import make_sdist, make_wheel


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a snapshot."""
    monkeypatch.setattr(keeping, "LEAST", 1)
    root = tmp_path / "packages"
    (root / "more").mkdir(parents=True)
    (root / ".pypi-publish").mkdir()
    make_wheel(root, "acme", "1.0")
    make_wheel(root, "acme", "2.0")
    make_sdist(root, "acme_tools", "1.0")
    make_sdist(root / "more", "foo-bar", "1.0")
    (root / "notes.txt").write_text("no package")
    _age(root)
    assert _start(root)[0] == {"acme": 2, "acme-tools": 1, "foo-bar": 1}
    assert _snapshot(root).exists()
    return root


def _age(root: Path) -> None:
    """Let the directories be older than what may have changed unnoticed."""
    for folder in (root, root / "more"):
        os.utime(folder, ns=(time.time_ns() - 10**10,) * 2)


def _snapshot(root: Path) -> Path:
    return root / ".pypi-publish/catalog"


def _start(root: Path) -> tuple[dict[str, int], int]:
    """Start an index, and return how many files its projects have, and how many directories it has read."""
    read: list[str] = []
    listed = os.scandir

    def counted(path: str) -> Any:
        read.append(path)
        return listed(path)

    async def run() -> dict[str, int]:
        storage = FolderStorage(root, needs_dot_folder=True)
        catalog = Catalog(ServerSettings((root,)), storage)
        await catalog.start()
        found = {}
        for name in catalog.names():
            project = catalog.project(name)
            assert project is not None
            found[name] = len(await catalog.files(project))
            for filename, directory in project.places.items():
                assert (Path(directory) / filename).exists()
        catalog._recorder.stop()  # it would save, too, in a thread that outlives this start
        saving = catalog._snapshots
        if saving._saving is not None:
            await saving._saving
        await saving.save()
        catalog.close()
        await storage.stop()
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "scandir", counted)
        return asyncio.run(run()), len([path for path in read if ".pypi-publish" not in str(path)])


def test_a_folder_that_is_unchanged_is_not_read_again(root: Path) -> None:
    assert _start(root) == ({"acme": 2, "acme-tools": 1, "foo-bar": 1}, 0)


def _add(root: Path) -> None:
    make_wheel(root, "late", "1.0")


def _remove(root: Path) -> None:
    (root / "acme-1.0-py3-none-any.whl").unlink()


def _add_and_set_the_time_back(root: Path) -> None:
    before = root.stat()
    make_wheel(root, "late", "1.0")
    os.utime(root, ns=(before.st_atime_ns, before.st_mtime_ns))


def _move_below(root: Path) -> None:
    (root / "acme-1.0-py3-none-any.whl").rename(root / "more/acme-1.0-py3-none-any.whl")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_add, {"acme": 2, "acme-tools": 1, "foo-bar": 1, "late": 1}),
        (_remove, {"acme": 1, "acme-tools": 1, "foo-bar": 1}),
        (_add_and_set_the_time_back, {"acme": 2, "acme-tools": 1, "foo-bar": 1, "late": 1}),
        (_move_below, {"acme": 2, "acme-tools": 1, "foo-bar": 1}),
    ],
)
def test_a_folder_that_changed_while_no_index_ran_is_read(
    root: Path, change: Callable[[Path], None], found: dict[str, int]
) -> None:
    change(root)
    assert _start(root)[0] == found


@pytest.mark.parametrize("damage", [b"", b"x", b"0" * 64 + b"\n{}"])
def test_a_snapshot_that_is_torn_is_no_snapshot(root: Path, damage: bytes) -> None:
    _snapshot(root).write_bytes(damage)
    assert _start(root) == ({"acme": 2, "acme-tools": 1, "foo-bar": 1}, 2)


def test_a_snapshot_made_by_other_rules_is_no_snapshot(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("publisher.server.store.snapshot.encoding._rules", lambda: "others")
    assert read_snapshot(_snapshot(root)) is None


def test_a_folder_that_moved_is_read(root: Path) -> None:
    moved = root.rename(root.with_name("moved"))
    assert _start(moved)[0] == {"acme": 2, "acme-tools": 1, "foo-bar": 1}


def test_names_that_would_break_a_snapshot_leave_none(root: Path) -> None:
    make_wheel(root, "odd", "1.0").rename(root / "odd-1.0-py3\tnone-any-x.whl")
    _age(root)
    _snapshot(root).unlink()
    _start(root)
    assert not _snapshot(root).exists()
    assert encode_snapshot({}, []) is not None
