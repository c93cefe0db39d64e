"""Catalogs of several processes of one index, which announce changes to each other instead of reading the folder."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.siblings.files import SiblingFiles, sibling_files
from publisher.server.siblings.news import RING, SiblingNews
from publisher.server.storage.folder import FolderStorage
from publisher.server.store import watch
from publisher.server.store.catalog import Catalog
from publisher.server.store.changes import ReleaseChanges
from publisher.server.store.metadata import FileMetadata
from publisher.server.store.scan import Listings, read_folders
from publisher.server.store.telling import catalogs
from publisher.server.store.telling.changes import LOOK_AT_EVERYTHING, ProjectChange


@asynccontextmanager
async def _process(root: Path, siblings: SiblingFiles) -> AsyncIterator[tuple[Catalog, ReleaseChanges]]:
    settings = ServerSettings((root,))
    storage = FolderStorage(root, needs_dot_folder=True, news=siblings.package_news())
    catalog = Catalog(settings, storage)
    await catalog.start()
    try:
        yield catalog, ReleaseChanges(settings, catalog, storage)
    finally:
        catalog.close()


async def _upload(changes: ReleaseChanges, filename: str, data: bytes = b"x") -> None:
    digest = hashlib.sha256(data).hexdigest()
    await changes.upload(data, filename, FileMetadata(len(data), 0, digest, "", uploader="ada"))


async def _names(catalog: Catalog, project: str) -> list[str]:
    await catalog.refresh()
    found = catalog.project(project)
    return sorted(await catalog.files(found)) if found is not None else []


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each reading of the folder, which is taken for a slow one."""
    seen: list[int] = []
    read: Callable[..., object] = read_folders

    def reading(*arguments: object, **options: object) -> object:
        seen.append(1)
        return read(*arguments, **options)

    monkeypatch.setattr(watch, "read_folders", reading)
    monkeypatch.setattr(watch, "INLINE_SCAN", 0.0)
    monkeypatch.setattr(watch, "CHECK_SHARE", 10**6)
    return seen


def test_changes_reach_other_processes_without_a_look_at_a_large_folder(tmp_path: Path, scans: list[int]) -> None:
    async def run() -> None:
        with sibling_files() as siblings:
            async with _process(tmp_path, siblings) as (one, changes), _process(tmp_path, siblings) as (other, theirs):
                await _upload(changes, "acme-1.0-py3-none-any.whl")
                assert await _names(other, "acme") == ["acme-1.0-py3-none-any.whl"]
                before = len(scans)
                for number in range(1, 6):
                    await _upload(changes, f"acme-1.{number}-py3-none-any.whl")
                    assert f"acme-1.{number}-py3-none-any.whl" in await _names(other, "acme")
                    await _upload(theirs, f"other-1.{number}-py3-none-any.whl")
                    assert f"other-1.{number}-py3-none-any.whl" in await _names(one, "other")
                assert len(scans) == before
                await changes.yank("acme", "1.0", "broken", "ada")
                await other.refresh()
                acme = other.project("acme")
                assert acme is not None
                assert (await other.files(acme))["acme-1.0-py3-none-any.whl"].yanked == "broken"
                await changes.delete("acme", "1.1", None, "ada")
                assert "acme-1.1-py3-none-any.whl" not in await _names(other, "acme")

    asyncio.run(run())


@pytest.mark.usefixtures("scans")
def test_no_page_of_a_large_folder_from_before_a_change_elsewhere_counts_as_current(tmp_path: Path) -> None:
    async def run() -> None:
        with sibling_files() as siblings:
            async with _process(tmp_path, siblings) as (_, changes), _process(tmp_path, siblings) as (other, _):
                await _upload(changes, "acme-1.0-py3-none-any.whl")
                await _names(other, "acme")
                acme = other.project("acme")
                assert acme is not None

                async def revisions() -> tuple[int, int]:
                    """Return what answers from memory are compared with: that of the list, and that of the project."""
                    assert other.is_current("acme")
                    of_list, of_project = other.revision, acme.revision
                    await other.files(acme)
                    return of_list, of_project

                seen = [await revisions()]
                assert await revisions() == seen[0]
                await _upload(changes, "acme-1.1-py3-none-any.whl")
                seen.append(await revisions())
                await changes.yank("acme", "1.0", "broken", "ada")
                seen.append(await revisions())
                await changes.delete("acme", "1.1", None, "ada")
                seen.append(await revisions())
                assert len({of_project for _, of_project in seen}) == 4
                await _upload(changes, "other-1.0-py3-none-any.whl")
                of_list, _ = await revisions()
                assert of_list not in {each for each, _ in seen}

    asyncio.run(run())


def _changed_elsewhere(root: Path) -> tuple[str, int, int]:
    """Change a folder as another process does, and return the folder with its times before and after."""
    before = root.stat().st_mtime_ns
    (root / "other-1.0-py3-none-any.whl").write_bytes(b"x")
    os.utime(root, ns=(before + 10**9, before + 10**9))
    return str(root), before, before + 10**9


@pytest.mark.parametrize("announced_after", [1, 3, None])
def test_a_change_is_this_indexs_own_if_another_process_announces_it_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, announced_after: int | None
) -> None:
    pauses: list[float] = []

    async def run() -> None:
        with sibling_files() as siblings:
            news = siblings.package_news()

            async def pause(seconds: float) -> None:
                pauses.append(seconds)
                if len(pauses) == announced_after:
                    news.tell(ProjectChange(left=(left,)).to_message())

            async with _process(tmp_path, siblings) as (catalog, _):
                left = _changed_elsewhere(tmp_path)
                news.tell(ProjectChange().to_message())  # more may be on their way
                with monkeypatch.context() as patched:
                    patched.setattr(catalogs, "_LATELY", 10**12)
                    patched.setattr(asyncio, "sleep", pause)
                    assert await catalog.only_we_changed() == (announced_after is not None)

    asyncio.run(run())
    assert pauses == list(catalogs._PAUSES[:announced_after])


@pytest.mark.parametrize("noted_after", [0, 1, 3, None])
def test_a_change_that_another_thread_notes_a_moment_later_is_this_indexs_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted_after: int | None
) -> None:
    pauses: list[float] = []

    async def run() -> None:
        catalog = Catalog(ServerSettings((tmp_path,)), FolderStorage(tmp_path))
        await catalog.start()
        change = catalog.own_change(str(tmp_path))
        own = catalog._watch.own_changes
        are_all_since = own.are_all_since

        def note_if(now: bool) -> None:  # noqa: FBT001
            if now:
                change.__exit__(None, None, None)

        def looked(listings: Listings) -> bool:
            found = are_all_since(listings)
            note_if(noted_after == 0 and not pauses)  # after the look, before the question whether one is on its way
            return found

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            note_if(len(pauses) == noted_after)

        change.__enter__()
        _changed_elsewhere(tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(own, "are_all_since", looked)
            patched.setattr(asyncio, "sleep", pause)
            assert await catalog.only_we_changed() == (noted_after is not None)
        note_if(noted_after is None)
        catalog.close()

    asyncio.run(run())
    assert pauses == list(catalogs._PAUSES[: max(1, noted_after) if noted_after is not None else None])


def test_a_process_that_missed_messages_or_a_death_looks_at_everything(tmp_path: Path, scans: list[int]) -> None:
    async def run() -> None:
        with sibling_files() as siblings:
            async with _process(tmp_path, siblings) as (catalog, _):
                await _names(catalog, "acme")
                for message in (LOOK_AT_EVERYTHING, b"x" * RING):
                    before = len(scans)
                    siblings.package_news().tell(message)
                    await catalog.refresh()
                    assert len(scans) > before

    asyncio.run(run())


def test_news_arrive_in_order_around_the_end_of_the_ring_and_never_at_their_sender() -> None:
    with sibling_files() as siblings:
        one, other = SiblingNews(siblings.packages), SiblingNews(siblings.packages)
        own, heard = one.reader(), other.reader()
        for round_number in range(40):
            sent = [f"{round_number} {number}".encode() * 300 for number in range(20)]
            stamp = other.stamp
            for message in sent:
                one.tell(message)
            assert other.stamp != stamp
            assert heard.hear() == sent
            assert heard.hear() == []
            assert own.hear() == []
        late = other.reader()
        for _ in range(20):
            one.tell(b"x" * (RING // 10))
        assert heard.hear() is None
        assert late.hear() is None
        one.tell(b"again")
        assert heard.hear() == [b"again"]
