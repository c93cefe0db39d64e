"""The maintainers of projects: what is read again, after how long, and what each change leaves."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.siblings.files import SiblingFiles, sibling_files
from publisher.server.storage.errors import StorageUnavailableError
from publisher.server.storage.folder import FolderStorage
from publisher.server.store import maintainers as module
from publisher.server.store.catalog import Catalog
from publisher.server.store.maintainers import Maintainers
from publisher.server.store.telling.changes import LOOK_AT_EVERYTHING, ProjectChange
from tests.helpers.memory_bucket import running


@pytest.fixture
def siblings() -> Iterator[SiblingFiles]:
    with sibling_files() as files:
        yield files


def _process(root: Path, siblings: SiblingFiles | None = None) -> Maintainers:
    storage = FolderStorage(root, news=siblings.package_news()) if siblings else FolderStorage(root)
    return Maintainers(Catalog(ServerSettings((root,)), storage), storage)


@running
async def test_maintainers_are_added_and_removed_one_by_one(tmp_path: Path) -> None:
    one = _process(tmp_path)
    assert await one.of("acme") == frozenset()
    for account in ("ada", "bob"):
        await one.add("acme", account, "eve")
    await one.add("other", "ada", "eve")
    assert await one.of("acme") == {"ada", "bob"}
    assert await one.projects_of("ada") == {"acme", "other"}
    assert await one.remove("acme", "ada") is True
    assert await one.remove("acme", "ada") is False
    assert await one.of("acme") == {"bob"}
    assert await one.projects_of("ada") == {"other"}
    assert await one.projects_of("nobody") == frozenset()
    again = _process(tmp_path)
    assert [await again.of(name) for name in ("acme", "other")] == [{"bob"}, {"ada"}]


@running
async def test_an_account_is_removed_from_all_its_projects(tmp_path: Path) -> None:
    one, other = _process(tmp_path), _process(tmp_path)
    assert await one.projects_of("ada") == frozenset()
    for project in ("b", "a"):
        await other.add(project, "ada", "eve")
        await other.add(project, "bob", "eve")
    assert await one.remove_account("ada") == ["a", "b"]  # not as it was known
    assert await one.remove_account("ada") == []
    assert [await one.of(name) for name in ("a", "b")] == [{"bob"}] * 2


@running
async def test_what_is_known_without_waiting_is_what_was_read_lately(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = _process(tmp_path), _process(tmp_path)
    await one.add("acme", "ada", "eve")
    assert one.now("acme") == frozenset()
    assert await one.of("acme") == {"ada"}
    assert one.now("acme") == {"ada"}
    await other.add("acme", "bob", "eve")
    assert await one.of("acme") == {"ada"}
    assert await one.projects_of("bob") == {"acme"}
    monkeypatch.setattr(module, "FRESH", 0.0)
    assert one.now("acme") == frozenset()
    assert await one.of("acme") == {"ada", "bob"}
    await other.add("second", "bob", "eve")
    assert await one.projects_of("bob") == {"acme", "second"}


@running
async def test_all_projects_are_read_once_and_again_after_a_change_here(tmp_path: Path) -> None:
    one, other = _process(tmp_path), _process(tmp_path)
    assert await one.projects_of("ada") == frozenset()
    await other.add("acme", "ada", "eve")
    assert await one.projects_of("ada") == frozenset()
    one.forget("anything")
    assert await one.projects_of("ada") == {"acme"}
    await other.add("second", "ada", "eve")
    await one.add("third", "bob", "eve")
    assert await one.projects_of("ada") == {"acme", "second"}


@running
async def test_a_change_of_another_process_is_known_at_once(tmp_path: Path, siblings: SiblingFiles) -> None:
    one, other = _process(tmp_path, siblings), _process(tmp_path, siblings)
    for project in ("acme", "kept"):
        assert await one.of(project) == frozenset()
    assert await one.projects_of("ada") == frozenset()
    await other.add("acme", "ada", "eve")
    assert one.now("acme") == frozenset()
    assert await one.of("acme") == {"ada"}
    assert await one.projects_of("ada") == {"acme"}
    assert await other.remove("acme", "ada")
    assert one.now("acme") == frozenset()
    assert await one.projects_of("ada") == frozenset()
    assert await one.of("acme") == frozenset()


@pytest.mark.parametrize(
    ("message", "read_again"),
    [
        (LOOK_AT_EVERYTHING, True),
        (bytes(2**20), True),  # which is lost
        (ProjectChange("acme", state=True).to_message(), True),
        (ProjectChange("acme", gone=(("/x", "y"),)).to_message(), False),
        (ProjectChange("other", state=True).to_message(), False),
        (b"", False),
    ],
)
def test_only_news_of_a_project_have_it_read_again(
    tmp_path: Path, siblings: SiblingFiles, message: bytes, *, read_again: bool
) -> None:
    async def run() -> None:
        one, silent = _process(tmp_path, siblings), _process(tmp_path)
        assert await one.of("acme") == frozenset()
        await silent.add("acme", "ada", "eve")
        siblings.package_news().tell(message)
        assert await one.of("acme") == ({"ada"} if read_again else frozenset())

    asyncio.run(run())


@pytest.mark.parametrize("name", ["a\0b", "x" * 300])
def test_a_name_that_can_have_no_record_has_no_maintainers(tmp_path: Path, name: str) -> None:
    assert asyncio.run(_process(tmp_path).of(name)) == frozenset()


@running
async def test_a_record_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    one = _process(tmp_path)
    await one.add("acme", "ada", "eve")
    folder = tmp_path / ".pypi-publish" / "marks" / "acme"
    (folder / "ada.maintainer").unlink()
    folder.rmdir()
    folder.symlink_to(folder)
    with pytest.raises(StorageUnavailableError):
        await one.of("acme")
    assert one.now("acme") == frozenset()
