"""The owned names of a folder: what is written where, when a disk is taken for lost, and how that ends."""

import json
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from publisher.server.storage.base import Files, Lease
from publisher.server.storage.errors import StorageError, StorageUnavailableError
from publisher.server.storage.folder import FolderStorage
from publisher.server.storage.readonly import ReadOnlyFolder
from publisher.server.store import owned_names as module
from publisher.server.store.contents import FolderContents
from publisher.server.store.ledger import (
    Confirmation,
    read_identity,
    read_packages_ledger,
    read_state_ledger,
    write_identity,
)
from publisher.server.store.owned_names import OwnedNames, StateLog
from publisher.server.store.records import Records
from publisher.server.work.nearby import NearbyThreads
from tests.helpers.memory_bucket import running


class Names:
    """The names of one process, and the lists on the disk."""

    def __init__(self, folder: Path, reserved: Collection[str] = (), *, state: bool = True) -> None:
        self.root, self.accounts = folder / "packages", folder / "accounts"
        for each in (self.root, self.accounts):
            each.mkdir(exist_ok=True)
        self.storage, beside = FolderStorage(self.root), FolderStorage(self.accounts)
        self.contents = FolderContents((self.root,))
        log = StateLog(beside, "state") if state else None
        self.owned = OwnedNames(list(reserved), self.storage, log, Records(), NearbyThreads())
        self._beside = beside

    def lists(self) -> tuple[set[str], set[str]]:
        """Return the names in the package storage and beside the accounts."""
        state = read_state_ledger(self._beside.files(), "state")
        return set(read_packages_ledger(self.storage.files()).names), set(state.names)

    def identifiers(self) -> tuple[str | None, str | None]:
        return read_identity(self.storage.files())[0], read_state_ledger(self._beside.files(), "state").identifier

    def lost(self) -> str | None:
        return self.owned.lost_reason

    async def is_owned(self, name: str) -> bool:
        return await self.owned.is_owned(name, self.contents)

    async def was_published(self, name: str) -> bool:
        return await self.owned.was_published(name, self.contents)


@pytest.fixture(autouse=True)
def _recheck_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECHECK", 0.0)


@running
async def test_a_new_index_has_one_identifier_and_its_names_in_both_places(tmp_path: Path) -> None:
    names = Names(tmp_path, ["team-*"])
    assert await names.is_owned("before-the-start")
    await names.owned.start({"acme"})
    assert names.lost() is None
    assert names.lists() == ({"acme"}, {"acme"})
    one, other = names.identifiers()
    assert one is not None
    assert one == other
    assert read_identity(names.storage.files()) == (one, True)
    for name, published, owned in (("acme", True, True), ("team-x", False, True), ("other", False, False)):
        assert (await names.was_published(name), await names.is_owned(name)) == (published, owned)
    again = Names(tmp_path)
    await again.owned.start({"acme"})
    assert again.identifiers() == (one, one)


@running
async def test_a_name_is_claimed_in_both_places_once(tmp_path: Path) -> None:
    names = Names(tmp_path)
    await names.owned.start(())
    for claimed in ({"a"}, {"a", "b"}, {"b"}):
        await names.owned.claim(claimed)
    assert names.lists() == ({"a", "b"}, {"a", "b"})
    lines = (names.accounts / "state").read_text().splitlines()
    assert [each["name"] for each in map(json.loads, lines) if "name" in each] == ["a", "b"]
    other = Names(tmp_path)
    await other.owned.start(())
    await names.owned.claim({"c"})
    assert await other.was_published("c")  # as the list of the packages says by now
    assert not await other.was_published("d")


@running
async def test_without_a_list_beside_the_accounts_every_name_is_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = Names(tmp_path, state=False)
    with caplog.at_level(logging.WARNING):
        await names.owned.start(())
    assert "--state FILE" in caplog.text
    await names.owned.claim({"acme"})
    assert names.lists() == ({"acme"}, set())
    assert await names.is_owned("anything")
    assert (await names.was_published("acme"), await names.was_published("anything")) == (True, False)
    assert await names.owned.confirm_loss(()) is None
    await names.owned.require_identity()
    again = Names(tmp_path, state=False)
    await again.owned.start(())
    assert await again.was_published("acme")


@running
async def test_copied_files_have_their_names_claimed_in_the_background(tmp_path: Path) -> None:
    names = Names(tmp_path)
    names.owned.claim_later({"early"})  # before the storages were compared
    assert await names.was_published("early")
    await names.owned.start({"early"})
    names.owned.claim_later({"copied"})
    assert await names.was_published("copied")
    assert names.owned._claiming is not None
    await names.owned._claiming
    assert names.lists() == ({"early", "copied"},) * 2


@running
async def test_a_disk_with_fewer_names_is_lost_until_that_is_confirmed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = Names(tmp_path)
    await names.owned.start({"acme", "other"})
    first, _ = names.identifiers()
    files = (path for path in names.root.rglob("*") if path.is_file())
    (log,) = (path for path in files if b"acme" in path.read_bytes())
    log.write_bytes(b'{"v":1,"name":"other"}\n')
    again = Names(tmp_path)
    await again.owned.start({"other"})
    assert "lost 1 projects" in str(again.lost())
    assert "lost 1 projects" in caplog.text
    assert await again.is_owned("anything")
    for refused in (again.was_published("acme"), again.owned.require_identity()):
        with pytest.raises(StorageUnavailableError):
            await refused
    again.owned.claim_later({"copied"})
    assert again.owned._claiming is None
    await again.owned.recheck({"other"})
    assert again.lost() is not None
    assert again.lists() == ({"other"}, {"acme", "other"})
    assert await again.owned.confirm_loss({"other", "copied"}) == Confirmation(3, lost=True)
    assert again.lost() is None
    assert await again.was_published("acme")
    one, other = again.identifiers()
    assert one == other != first
    assert again.lists() == ({"acme", "copied", "other"},) * 2
    assert await again.owned.confirm_loss(()) == Confirmation(3, lost=False)
    assert again.identifiers() == (one, one)


@running
async def test_a_loss_that_is_over_is_noticed_and_one_elsewhere_too(tmp_path: Path) -> None:
    names = Names(tmp_path)
    await names.owned.start({"acme"})
    await names.owned.require_identity()
    identity = names.root / ".pypi-publish" / "identity"
    right = identity.read_bytes()
    identity.write_bytes(right.replace(b'"id":', b'"id":"other","was":'))
    with pytest.raises(StorageUnavailableError):
        await names.owned.require_identity()
    assert "belongs to another index" in str(names.lost())
    identity.write_bytes(right)
    await names.owned.recheck({"acme"})
    assert names.lost() is None
    await names.owned.require_identity()


@running
async def test_what_was_removed_from_under_a_running_index_is_made_again(tmp_path: Path) -> None:
    names = Names(tmp_path)
    await names.owned.remake()  # which has nothing to write yet
    assert names.identifiers() == (None, None)
    await names.owned.start({"acme"})
    identifiers, lists = names.identifiers(), names.lists()
    for path in (names.root / ".pypi-publish").rglob("*"):
        if path.is_file():
            path.unlink()
    assert names.identifiers() != identifiers
    await names.owned.remake()
    assert (names.identifiers(), names.lists()) == (identifiers, lists)


@running
async def test_lists_that_cannot_be_read_are_compared_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = Names(tmp_path)
    (names.accounts / "state").symlink_to("state")
    await names.owned.start({"acme"})
    assert names.lost() == "the lists of owned names could not be compared yet"
    assert "can't be compared" in caplog.text
    with pytest.raises(StorageError):
        await names.owned.confirm_loss(())
    await names.owned.recheck({"acme"})
    assert names.lost() is not None
    (names.accounts / "state").unlink()
    await names.owned.recheck({"acme"})
    assert names.lost() is None
    assert names.lists() == ({"acme"}, {"acme"})


@running
async def test_a_list_that_was_begun_is_completed_and_one_that_is_missing_is_a_loss(tmp_path: Path) -> None:
    names = Names(tmp_path)
    write_identity(names.storage.files(), "begun", complete=False)
    await names.owned.start({"acme"})
    assert names.identifiers() == ("begun", "begun")
    assert read_identity(names.storage.files()) == ("begun", True)
    assert names.lists() == ({"acme"}, {"acme"})
    (names.accounts / "state").unlink()
    again = Names(tmp_path)
    await again.owned.start({"acme"})
    assert "the list of owned names is missing" in str(again.lost())
    assert again.identifiers() == ("begun", None)


@running
async def test_without_a_list_copied_names_are_claimed_too(tmp_path: Path) -> None:
    names = Names(tmp_path, state=False)
    await names.owned.start({"acme"})
    assert names.owned._claiming is not None
    await names.owned._claiming
    assert names.lists() == ({"acme"}, set())


@running
async def test_a_folder_that_can_only_be_read_is_served_and_every_name_is_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = Names(tmp_path)
    (names.root / "acme-1.0.zip").write_bytes(b"x")
    storage = ReadOnlyFolder(names.root)
    log = StateLog(FolderStorage(names.accounts), "state")
    owned = OwnedNames([], storage, log, Records(), NearbyThreads())
    await owned.start({"acme"})
    assert owned.lost_reason is None
    assert "the list of owned names can't be written" in caplog.text
    assert await owned.is_owned("anything", names.contents)
    assert names.identifiers() == (None, None)


@pytest.mark.parametrize("lost", [False, True])
@running
async def test_names_are_durable_in_a_shared_storage_before_they_are_listed_beside(
    tmp_path: Path, *, lost: bool
) -> None:
    names = Names(tmp_path)
    await names.owned.start(())
    events: list[str] = []

    class Noting(FolderStorage):
        @asynccontextmanager
        async def writing(self, lease: Lease | None = None, since: float | None = None) -> AsyncIterator[Files]:
            async with super().writing(lease, since) as files:
                yield files
            events.append(self.root.name)
            if lost and self.root.name == "packages":
                raise StorageUnavailableError

    packages, accounts = Noting(names.root), Noting(names.accounts)
    packages.shared = True
    owned = OwnedNames([], packages, StateLog(accounts, "state"), Records(), NearbyThreads())
    await owned.start(())
    events.clear()
    if lost:
        with pytest.raises(StorageUnavailableError):
            await owned.claim({"acme"})
        assert events == ["packages"]
        assert names.lists() == ({"acme"}, set())
    else:
        await owned.claim({"acme"})
        assert events == ["packages", "accounts"]
        assert names.lists() == ({"acme"}, {"acme"})
