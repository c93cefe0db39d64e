"""Details of files for their pages: read once, recorded in the storage, and read again where a record is none."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from publisher.limits import Limits
from publisher.server.routes.web import details as details_module
from publisher.server.routes.web import page_records
from publisher.server.routes.web.details import DetailsReader
from publisher.server.routes.web.page_records import FileDetails
from publisher.server.storage.folder import FolderStorage
from publisher.server.store.interface import PackageCatalog
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.projects import Project, StoredFile
from publisher.server.work.inspection import InspectionPool
from tests.helpers.dists import make_wheel, metadata

PAGES = ".pypi-publish/pages"


class _Catalog:
    """Gives out the files of one project where they are."""

    def __init__(self) -> None:
        self.copied: list[str] = []
        self.shown: dict[str, StoredFile] = {}
        self.unavailable_reason: str | None = None

    @asynccontextmanager
    async def local_copy(self, file: StoredFile) -> AsyncIterator[Path]:
        self.copied.append(file.filename)
        yield file.path

    async def find(self, name: str) -> Project | None:
        return Project(name) if name == "acme" else None

    async def peek(self, _project: Project) -> Mapping[str, StoredFile]:
        return self.shown


@pytest.fixture(autouse=True)
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Render without a process of its own, and note what; the description ``too long`` can't be rendered."""
    asked: list[tuple[str, str]] = []

    def render(text: str, content_type: str, _checkpoint: Callable[[], None]) -> str | None:
        asked.append((text, content_type))
        return None if text == "too <long>" else f"<p>{text}</p>"

    monkeypatch.setattr(details_module, "render_bounded", render)
    return asked


Use = Callable[[DetailsReader, _Catalog], Coroutine[Any, Any, None]]


def reading(root: Path, use: Use) -> None:
    async def run() -> None:
        pool, catalog = InspectionPool(Limits()), _Catalog()
        reader = DetailsReader(cast("PackageCatalog", catalog), FolderStorage(root), pool)
        try:
            await use(reader, catalog)
        finally:
            reader.stop()
            pool.end_soon()
            pool.close()

    asyncio.run(run())


def _file(path: Path, digest: str = "d1") -> StoredFile:
    return StoredFile(path.name, path, path.name, "1.0", FileMetadata(1, 1, digest, "2026-01-01"))


def _wheel(root: Path, description: str = "Read me.\n", extra: str = "") -> Path:
    return make_wheel(root, "acme", metadata_bytes=metadata("acme", "1.0", extra, description=description))


def test_details_are_read_once_for_each_digest(tmp_path: Path, rendered: list[tuple[str, str]]) -> None:
    made = _wheel(tmp_path, extra="Description-Content-Type: text/markdown\nKeywords: a,b\n")

    async def use(reader: DetailsReader, catalog: _Catalog) -> None:
        catalog.shown = {made.name: _file(made)}
        first, second = await asyncio.gather(reader.details(_file(made)), reader.details(_file(made)))
        assert first is second
        assert await reader.details(_file(made)) is first
        assert catalog.copied == [made.name]
        assert (first.fields["name"], first.problem) == ("acme", "")
        assert first.readme == "<p>Read me.</p>"
        assert first.member_count == len(first.members) > 0
        assert first.unpacked == sum(size for _, size in first.members)
        await reader.details(_file(made, "d2"))
        assert len(catalog.copied) == 2

    reading(tmp_path, use)
    assert rendered == [("Read me.", "text/markdown")] * 2

    async def again(reader: DetailsReader, catalog: _Catalog) -> None:
        found = await reader.details(_file(made))
        assert (found.readme, found.fields["keywords"]) == ("<p>Read me.</p>", ["a", "b"])
        assert isinstance(found.members[0], tuple)
        assert catalog.copied == []

    reading(tmp_path, again)
    assert len(rendered) == 2


@pytest.mark.parametrize(
    ("description", "readme"),
    [
        ("Read me.", "<p>Read me.</p>"),
        ("UNKNOWN", ""),
        (" UNKNOWN\n\n", ""),
        ("", ""),
        (" \n \n", ""),
        ("UNKNOWN things", "<p>UNKNOWN things</p>"),
        ("  indented", "<p>  indented</p>"),
    ],
)
def test_a_readme_is_shown_where_there_is_one(tmp_path: Path, description: str, readme: str) -> None:
    made = _wheel(tmp_path, description)

    async def use(reader: DetailsReader, _: _Catalog) -> None:
        assert (await reader.details(_file(made))).readme == readme

    reading(tmp_path, use)


def test_a_readme_that_can_not_be_rendered_is_shown_as_text(tmp_path: Path) -> None:
    made = _wheel(tmp_path, "too <long>")

    async def use(reader: DetailsReader, _: _Catalog) -> None:
        found = await reader.details(_file(made))
        assert found.readme.startswith("<pre")
        assert "too &lt;long&gt;" in found.readme

    reading(tmp_path, use)


def test_a_file_that_can_not_be_read_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "acme-1.0-py3-none-any.whl"
    broken.write_text("no archive")

    async def use(reader: DetailsReader, _: _Catalog) -> None:
        found = await reader.details(_file(broken))
        assert (found.fields, found.readme, found.members) == ({}, "", ())
        assert found.problem

    reading(tmp_path, use)


RECORD: dict[str, Any] = {
    "fields": {"name": "Recorded"},
    "readme": "<p>x</p>",
    "members": [["a.py", 7]],
    "member_count": 1,
    "unpacked": 7,
    "problem": "",
}


@pytest.mark.parametrize(
    ("record", "is_used"),
    [
        (json.dumps(RECORD), True),
        (json.dumps({**RECORD, "members": []}), True),
        (json.dumps({key: value for key, value in RECORD.items() if key != "members"}), False),
        (json.dumps({key: value for key, value in RECORD.items() if key != "fields"}), False),
        (json.dumps({**RECORD, "surplus": 1}), False),
        (json.dumps({**RECORD, "members": [["a.py"]]}), False),
        (json.dumps({**RECORD, "members": [["a.py", "many"]]}), False),
        (json.dumps({**RECORD, "members": 7}), False),
        ("[]", False),
        ("7", False),
        ("{", False),
        ("", False),
    ],
)
def test_a_record_that_is_none_is_passed_over(tmp_path: Path, record: str, *, is_used: bool) -> None:
    made = _wheel(tmp_path)
    place = tmp_path / PAGES / "acme/d1.2.json"
    place.parent.mkdir(parents=True)
    place.write_text(record)

    async def use(reader: DetailsReader, catalog: _Catalog) -> None:
        found = await reader.details(_file(made))
        assert found.fields["name"] == ("Recorded" if is_used else "acme")
        assert (catalog.copied == []) == is_used
        if is_used:
            assert found.members == tuple((name, size) for name, size in json.loads(record)["members"])
            assert (found.readme, found.member_count, found.unpacked) == ("<p>x</p>", 1, 7)

    reading(tmp_path, use)


@pytest.fixture
def unused(tmp_path: Path) -> list[Path]:
    """Return the records of files that are gone, of another format, and of a project that is gone."""
    places = [tmp_path / PAGES / each for each in ("acme/old.2.json", "acme/d1.1.json", "gone/d1.2.json")]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("{}")
    return places


async def _pruned(unused: list[Path]) -> bool:
    """Return whether the records are gone once all background work is done."""
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    return not any(place.exists() for place in unused)


@pytest.mark.parametrize(("reason", "is_pruned"), [(None, True), ("the folder is gone", False)])
def test_records_that_nothing_shows_are_removed_while_the_packages_are_there(
    tmp_path: Path, unused: list[Path], reason: str | None, *, is_pruned: bool
) -> None:
    made = _wheel(tmp_path)

    async def use(reader: DetailsReader, catalog: _Catalog) -> None:
        catalog.shown, catalog.unavailable_reason = {made.name: _file(made)}, reason
        await reader.details(_file(made))
        assert await _pruned(unused) == is_pruned
        assert (tmp_path / PAGES / "acme/d1.2.json").exists()

    reading(tmp_path, use)


def test_records_are_looked_through_once_a_day(
    tmp_path: Path, unused: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _wheel(tmp_path)
    now = [1000.0]

    class _Time:
        @staticmethod
        def monotonic() -> float:
            return now[0]

    monkeypatch.setattr(page_records, "time", _Time)

    async def use(reader: DetailsReader, catalog: _Catalog) -> None:
        catalog.shown = {made.name: _file(made)}
        await reader.details(_file(made))
        assert await _pruned(unused)
        unused[0].write_text("{}")
        now[0] += 86399.9
        await reader.details(_file(made, "d2"))
        assert not await _pruned(unused)
        now[0] += 0.1
        await reader.details(_file(made, "d3"))
        assert await _pruned(unused)

    reading(tmp_path, use)


def test_details_without_a_record_are_empty_but_for_their_fields() -> None:
    found = FileDetails({})
    assert (found.readme, found.members, found.member_count, found.unpacked, found.problem) == ("", (), 0, 0, "")
