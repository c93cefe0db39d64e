"""Summaries of releases: kept in one log, read from files once, and forgotten when nothing uses them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from publisher.limits import LIMITS, Limits
from publisher.server.routes.web.summaries import ReleaseSummary, SummaryReader
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.projects import StoredFile
from publisher.server.work.inspection import InspectionPool
from tests.helpers.dists import make_wheel, metadata

LOG = ".pypi-publish/summaries.jsonl"
KNOWN = ReleaseSummary("Acme", "For tests", ("a", "b"), ("core>=1",))


class _Catalog:
    """Gives out files where they are."""

    def __init__(self) -> None:
        self.copied: list[str] = []

    @asynccontextmanager
    async def local_copy(self, file: StoredFile) -> AsyncIterator[Path]:
        self.copied.append(file.filename)
        yield file.path


Use = Callable[[SummaryReader, _Catalog], Coroutine[Any, Any, None]]


def reading(root: Path, use: Use) -> None:
    """Run a reader that was started over a folder's log."""

    async def run() -> None:
        pool, catalog = InspectionPool(Limits()), _Catalog()
        try:
            reader = SummaryReader(cast("PackageCatalog", catalog), FolderStorage(root), pool)
            await reader.start()
            await use(reader, catalog)
        finally:
            pool.end_soon()
            pool.close()

    asyncio.run(run())


def _file(path: Path, digest: str) -> StoredFile:
    return StoredFile(path.name, path, path.name, "1.0", FileMetadata(1, 1, digest, "2026-01-01"))


def _line(digest: str, **others: Any) -> dict[str, Any]:
    known = {"name": "Acme", "text": "For tests", "keywords": ["a", "b"], "requires": ["core>=1"]}
    return {"v": 1, "sha256": digest, **known, **others}


def _write(root: Path, *lines: object) -> None:
    (root / LOG).parent.mkdir(exist_ok=True)
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (root / LOG).write_text(text + "\n")


def _logged(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / LOG).read_text().splitlines()] if (root / LOG).exists() else []


def test_a_summary_is_read_from_its_file_once_and_kept(tmp_path: Path) -> None:
    lines = "Keywords: a,b\nRequires-Dist: core>=1\n"
    made = make_wheel(tmp_path, "acme", metadata_bytes=metadata("Acme", "1.0", lines))

    async def use(reader: SummaryReader, catalog: _Catalog) -> None:
        assert await reader.summary(_file(made, "d1")) == KNOWN
        assert await reader.summary(_file(made, "d1")) == KNOWN
        assert catalog.copied == [made.name]
        assert _logged(tmp_path) == []
        await reader.flush()
        assert _logged(tmp_path) == [_line("d1")]
        await reader.flush()
        assert len(_logged(tmp_path)) == 1

    reading(tmp_path, use)

    async def again(reader: SummaryReader, catalog: _Catalog) -> None:
        assert await reader.summary(_file(made, "d1")) == KNOWN
        assert catalog.copied == []

    reading(tmp_path, again)


def test_a_file_that_can_not_be_read_has_an_empty_summary(tmp_path: Path) -> None:
    broken = tmp_path / "acme-1.0-py3-none-any.whl"
    broken.write_text("no archive")

    async def use(reader: SummaryReader, _: _Catalog) -> None:
        assert await reader.summary(_file(broken, "d1")) == ReleaseSummary()
        assert await reader.summary(_file(tmp_path / "gone-1.0-py3-none-any.whl", "d2")) == ReleaseSummary()
        await reader.flush()
        assert [line["sha256"] for line in _logged(tmp_path)] == ["d1", "d2"]

    reading(tmp_path, use)


def test_a_summary_is_as_long_as_lists_have_room_for(tmp_path: Path) -> None:
    count = LIMITS.pages.keywords + 1
    text = "x" * (LIMITS.pages.summary - 2) + " \t y z"
    lines = "Keywords: " + ",".join(f"k{number}" for number in range(count)) + "\n"
    data = metadata("acme", "1.0", lines).replace(b"For tests", text.encode())
    made = make_wheel(tmp_path, "acme", metadata_bytes=data)

    async def use(reader: SummaryReader, _: _Catalog) -> None:
        found = await reader.summary(_file(made, "d1"))
        assert found.text == "x" * (LIMITS.pages.summary - 2) + " y"
        assert found.keywords == tuple(f"k{number}" for number in range(count - 1))

    reading(tmp_path, use)


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        "7",
        _line("d1", v=2),
        {key: value for key, value in _line("d1").items() if key != "v"},
        {key: value for key, value in _line("d1").items() if key != "sha256"},
        {key: value for key, value in _line("d1").items() if key != "requires"},
        _line("d1", keywords=7),
        _line("d1", surplus=True),
    ],
)
def test_lines_of_other_formats_are_passed_over(tmp_path: Path, line: object) -> None:
    _write(tmp_path, line, _line("d2"))

    async def use(reader: SummaryReader, catalog: _Catalog) -> None:
        assert await reader.summary(_file(tmp_path / "none", "d2")) == KNOWN
        assert catalog.copied == []
        assert await reader.summary(_file(tmp_path / "none.whl", "d1")) == ReleaseSummary()
        assert catalog.copied == ["none.whl"]

    reading(tmp_path, use)


@pytest.mark.parametrize(
    ("used", "unused", "is_pruned"), [(1, 1001, False), (1, 1002, True), (3, 1003, False), (3, 1004, True)]
)
def test_many_unused_summaries_are_forgotten(tmp_path: Path, *, used: int, unused: int, is_pruned: bool) -> None:
    """They may be a thousand more than those that are used."""
    kept = [_line(f"used-{number}") for number in range(used)]
    _write(tmp_path, *(_line(f"old-{number}") for number in range(unused)), *kept)

    async def use(reader: SummaryReader, _: _Catalog) -> None:
        for line in kept:
            await reader.summary(_file(tmp_path / "none", line["sha256"]))
        await reader.prune()
        assert len(_logged(tmp_path)) == (used if is_pruned else unused + used)
        assert _logged(tmp_path)[-used:] == kept

    reading(tmp_path, use)


def test_new_summaries_are_written_when_they_are_many(tmp_path: Path) -> None:
    made = make_wheel(tmp_path, "acme")

    async def use(reader: SummaryReader, _: _Catalog) -> None:
        for number in range(199):
            await reader.summary(_file(tmp_path / f"{number}.whl", f"d{number}"))
        assert _logged(tmp_path) == []
        await reader.summary(_file(made, "last"))
        assert len(_logged(tmp_path)) == 200

    reading(tmp_path, use)


def test_a_reader_is_started_once(tmp_path: Path) -> None:
    _write(tmp_path, _line("d1"))

    async def use(reader: SummaryReader, catalog: _Catalog) -> None:
        (tmp_path / LOG).unlink()
        await reader.start()
        assert await reader.summary(_file(tmp_path / "none", "d1")) == KNOWN
        assert catalog.copied == []

    reading(tmp_path, use)
