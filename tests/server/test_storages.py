"""The storages of an index: which folders its settings name, and what is shared with siblings."""

import asyncio
import stat
from pathlib import Path

import pytest

from publisher.server.auth.audit.trail import AuditEvent, AuditTrail
from publisher.server.auth.principal import ANONYMOUS
from publisher.server.settings import ServerSettings
from publisher.server.siblings.files import sibling_files
from publisher.server.storage.base import Storage
from publisher.server.storage.bucket import opening
from publisher.server.storage.errors import StorageReadOnlyError, StorageWriteError
from publisher.server.storage.folder import DOT_FOLDER, FolderStorage
from publisher.server.storages import IndexStorages, open_storages


def written(storage: Storage, folder: Path) -> Path:
    """Return the file below a folder into which a storage writes."""

    async def write() -> None:
        await storage.start()
        async with storage.writing() as files:
            files.create("new", b"content")
        await storage.stop()

    before = set(folder.rglob("new"))
    asyncio.run(write())
    (found,) = set(folder.rglob("new")) - before
    return found


async def text_of(storage: Storage, key: str) -> bytes:
    async with storage.reading() as files:
        return files.read(key)


def of(folder: Path, **settings: object) -> IndexStorages:
    return open_storages(ServerSettings(roots=(folder / "first", folder / "second"), **settings))  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("first", "second", "accounts", "state"):
        (tmp_path / name).mkdir()
    (tmp_path / "first" / DOT_FOLDER).mkdir()
    return tmp_path


def test_a_folder_that_lost_the_index_s_own_gets_no_records(folder: Path) -> None:
    storages = of(folder, htpasswd=folder / "accounts" / "users")
    (folder / "first" / DOT_FOLDER).rmdir()

    async def append() -> None:
        async with storages.packages.writing() as files:
            files.append("log", b"line\n")

    with pytest.raises(StorageWriteError):
        asyncio.run(append())
    assert not list((folder / "first").iterdir())


def test_packages_go_to_the_first_folder_and_the_rest_beside_the_accounts(folder: Path) -> None:
    storages = of(folder, htpasswd=folder / "accounts" / "users")
    assert storages.accounts is storages.credentials
    assert written(storages.packages, folder).parent == folder / "first"
    assert written(storages.credentials, folder).parent == folder / "accounts"


def test_what_belongs_to_accounts_is_readable_by_its_owner_alone(folder: Path) -> None:
    storages = of(folder, htpasswd=folder / "accounts" / "users", state=folder / "state" / "names")
    assert storages.state is not None
    for storage in (storages.credentials, storages.state.storage):
        assert stat.S_IMODE(written(storage, folder).stat().st_mode) == 0o600


@pytest.mark.parametrize("given", [False, True])
def test_without_accounts_they_would_be_in_the_working_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, given: bool
) -> None:
    monkeypatch.chdir(folder / "accounts")
    storages = of(folder, htpasswd=Path("users")) if given else of(folder)
    monkeypatch.chdir(folder)
    assert written(storages.credentials, folder).parent == folder / "accounts"


def test_the_list_of_names_is_beside_the_accounts_or_where_it_is_said_to_be(folder: Path) -> None:
    beside = of(folder, htpasswd=folder / "accounts" / "users")
    assert beside.state is not None
    assert written(beside.state.storage, folder).parent == folder / "accounts"
    assert beside.state.log == "users.state"
    elsewhere = of(folder, htpasswd=folder / "accounts" / "users", state=folder / "state" / "names")
    assert elsewhere.state is not None
    assert elsewhere.state.log == "names"
    assert written(elsewhere.state.storage, folder).parent == folder / "state"


def test_an_index_without_accounts_has_no_list_unless_it_is_named(folder: Path) -> None:
    assert of(folder).state is None
    named = of(folder, state=folder / "state" / "names")
    assert named.state is not None
    assert named.state.log == "names"


def test_given_storages_are_used_as_they_are(folder: Path) -> None:
    packages, credentials = FolderStorage(folder / "second"), FolderStorage(folder / "state")
    storages = of(
        folder,
        htpasswd=folder / "accounts" / "users",
        packages_storage=packages,
        credentials_storage=credentials,
    )
    assert (storages.packages, storages.credentials, storages.accounts) == (packages, credentials, credentials)
    assert storages.audit is credentials
    assert storages.state is not None
    assert storages.state.storage is credentials


def test_siblings_hear_of_changes_of_packages_and_of_accounts_apart(folder: Path) -> None:
    with sibling_files() as siblings:
        storages = of(folder, htpasswd=folder / "accounts" / "users", siblings=siblings)
        assert storages.packages.news.has_listeners
        assert storages.credentials.news.has_listeners
        packages, credentials = siblings.package_news(), siblings.credential_news()
        before = packages.stamp, credentials.stamp
        storages.packages.news.tell(b"one")
        assert packages.stamp != before[0]
        assert credentials.stamp == before[1]
        storages.credentials.news.tell(b"two")
        assert credentials.stamp != before[1]


def test_uploads_and_failed_logins_are_no_news_of_accounts(folder: Path) -> None:
    """Each would have the other processes of the index read tokens and roles again, and forget who was allowed."""
    with sibling_files() as siblings:
        storages = of(folder, htpasswd=folder / "accounts" / "users", siblings=siblings)
        credentials = siblings.credential_news()
        before = credentials.stamp
        assert storages.state is not None
        assert written(storages.state.storage, folder).parent == folder / "accounts"
        (folder / "accounts" / "new").unlink()
        asyncio.run(AuditTrail(storages.audit).record(AuditEvent("upload", ANONYMOUS)))
        assert list((folder / "accounts" / "audit").iterdir())
        assert credentials.stamp == before
        written(storages.credentials, folder)
        assert credentials.stamp != before


def test_an_index_alone_has_no_listeners(folder: Path) -> None:
    storages = of(folder, htpasswd=folder / "accounts" / "users")
    assert not storages.packages.news.has_listeners
    assert not storages.credentials.news.has_listeners


@pytest.mark.parametrize(("foreign", "htpasswd"), [(False, True), (True, True), (True, False), (False, False)])
def test_a_bucket_has_everything_but_foreign_accounts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, foreign: bool, htpasswd: bool
) -> None:
    packages, credentials = FolderStorage(folder / "first"), FolderStorage(folder / "second")
    asked: list[str] = []

    def open_in(url: str) -> tuple[FolderStorage, FolderStorage]:
        asked.append(url)
        return packages, credentials

    monkeypatch.setattr(opening, "open_storages_in", open_in)
    users = folder / "accounts" / "users"
    settings = ServerSettings(
        roots=(),
        bucket="s3://acme/index",
        htpasswd=users if htpasswd else None,
        htpasswd_is_foreign=foreign,
        state=folder / "state" / "names",
    )
    storages = open_storages(settings)
    assert asked == ["s3://acme/index"]
    assert (storages.packages, storages.credentials) == (packages, credentials)
    assert storages.state is not None
    assert storages.state.log == "names"
    if foreign and htpasswd:
        users.write_text("ada:!\n")
        with pytest.raises(StorageReadOnlyError):
            storages.accounts.writing()
        assert asyncio.run(text_of(storages.accounts, "users")) == b"ada:!\n"
    else:
        assert storages.accounts is credentials
