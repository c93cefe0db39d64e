"""A store that is busy, loses answers, has another clock or is gone: no answer of the index is wrong."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.storage.bucket.objects import open_bucket
from publisher.server.storage.bucket.opening import open_storages_in
from publisher.server.storage.errors import StorageError, StorageUnavailableError
from publisher.server.store.bucket.catalog import BucketCatalog
from publisher.server.store.bucket.changes import BucketChanges
from publisher.server.store.bucket.cleaning import Cleaning
from publisher.server.store.bucket.leftovers import KEPT_SECONDS, read_state
from publisher.server.store.metadata import read_metadata
from publisher.server.store.projects import StoredFile
from tests.helpers.bucket_index import new_index
from tests.helpers.dists import make_wheel
from tests.helpers.faulty_store import FaultyStore, faulty_way
from tests.helpers.object_store import ObjectStore

WIDE = pytest.mark.wide
ERRORS_OF_A_BUSY_STORE = ("ServiceUnavailable", "InternalError")


@pytest.fixture
def way(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyStore]:
    with faulty_way(object_store.endpoint) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL", found.url)
        yield found


def _index() -> tuple[BucketCatalog, BucketChanges, str]:
    url, _ = new_index("ada", "correct horse")
    settings = ServerSettings((), bucket=url)
    storage, _ = open_storages_in(url)
    catalog = BucketCatalog(settings, storage)
    return catalog, BucketChanges(settings, catalog, storage), url


async def _files(catalog: BucketCatalog, name: str) -> Mapping[str, StoredFile]:
    project = await catalog.find(name)
    assert project is not None
    return await catalog.files(project)


@pytest.mark.parametrize("code", ["SlowDown", *(pytest.param(code, marks=WIDE) for code in ERRORS_OF_A_BUSY_STORE)])
def test_a_busy_store_is_asked_again(way: FaultyStore, tmp_path: Path, code: str) -> None:
    async def run() -> None:
        catalog, changes, _ = _index()
        wheel = make_wheel(tmp_path, "acme")
        way.refuse += [code, code]
        await changes.upload(wheel, wheel.name, read_metadata(wheel, wheel.name))
        way.refuse += [code, code]
        assert await catalog.find("acme") is not None

    asyncio.run(run())


@pytest.mark.parametrize("lost", [3, *(pytest.param(lost, marks=WIDE) for lost in (1, 2, 4, 5))])
def test_an_upload_whose_answers_get_lost_is_stored_once_or_said_to_be_uncertain(
    way: FaultyStore, tmp_path: Path, lost: int
) -> None:
    async def run() -> None:
        _, changes, url = _index()
        wheel = make_wheel(tmp_path, "acme")
        way.lose = lost
        with suppress(StorageUnavailableError):
            await changes.upload(wheel, wheel.name, read_metadata(wheel, wheel.name))
        way.lose = 0
        await changes.upload(wheel, wheel.name, read_metadata(wheel, wheel.name))
        again = BucketCatalog(ServerSettings((), bucket=url), open_storages_in(url)[0])
        assert list(await _files(again, "acme")) == [wheel.name]

    asyncio.run(run())


def test_a_clock_that_is_wrong_is_no_empty_index(
    way: FaultyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        catalog, changes, _ = _index()
        wheel = make_wheel(tmp_path, "acme")
        way.refuse += ["RequestTimeTooSkewed"] * 20
        with pytest.raises(StorageUnavailableError):
            await catalog.find("acme")
        with pytest.raises(StorageUnavailableError):
            await catalog.was_published("acme")
        with pytest.raises(StorageError):
            await changes.upload(wheel, wheel.name, read_metadata(wheel, wheel.name))
        way.refuse.clear()
        assert await catalog.find("acme") is None

    asyncio.run(run())
    assert "RequestTimeTooSkewed" in caplog.text


@pytest.mark.wide
def test_a_store_that_stays_busy_is_no_empty_index(way: FaultyStore, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        catalog, _, _ = _index()
        way.refuse += ["SlowDown"] * 100
        with pytest.raises(StorageUnavailableError):
            await catalog.find("acme")

    asyncio.run(run())
    assert "SlowDown" in caplog.text


@pytest.mark.parametrize("ahead", [-3 * KEPT_SECONDS, pytest.param(3 * KEPT_SECONDS, marks=WIDE)])
def test_a_store_whose_clock_is_wrong_is_served_and_cleaned_by_that_clock(
    way: FaultyStore, tmp_path: Path, ahead: float
) -> None:
    async def run() -> None:
        way.ahead = ahead
        catalog, changes, url = _index()
        wheel = make_wheel(tmp_path, "acme")
        await changes.upload(wheel, wheel.name, read_metadata(wheel, wheel.name))
        storage, _ = open_storages_in(url)
        unlisted = f"files/acme/{storage.identity.identifier[:12]}-1/acme-2.0.tar.gz"
        storage.objects.create(unlisted, b"left behind")
        cleaning = Cleaning(storage, catalog.workers)
        assert await cleaning.clean() == []
        async with storage.lease("a lease"):  # whose time is nobody's clock
            await changes.yank("acme", "1.0", "broken", None)
        assert [file.yanked for file in (await _files(catalog, "acme")).values()] == ["broken"]
        assert await cleaning.clean() == []
        assert storage.objects.read(unlisted) is not None
        noted = read_state(storage.objects).unlisted[unlisted]
        assert abs(noted - time.time() - ahead) < KEPT_SECONDS  # by the store's clock

    asyncio.run(run())


def test_a_page_is_not_served_from_memory_for_long_when_the_store_is_gone(way: FaultyStore, tmp_path: Path) -> None:
    async def run() -> None:
        catalog, changes, _ = _index()
        wheel = make_wheel(tmp_path, "acme")
        await changes.upload(wheel, wheel.name, read_metadata(wheel, wheel.name))
        way.refuse += ["InvalidAccessKeyId"] * 100
        while catalog.is_current("acme"):  # noqa: ASYNC110 - it is time that passes
            await asyncio.sleep(0.05)
        with pytest.raises(StorageUnavailableError):
            await catalog.find("acme")

    asyncio.run(run())


def test_a_large_upload_that_breaks_off_leaves_no_object_and_no_parts(way: FaultyStore, tmp_path: Path) -> None:
    objects = open_bucket(_index()[2])
    large = tmp_path / "large"
    large.write_bytes(bytes(20_000_000))
    way.refuse_path = "partNumber=2"
    with pytest.raises(StorageError):
        objects.upload("files/acme/upload/large", large, {})
    assert list(objects.walk("files")) == []
    assert [each for each in way.asked if each.startswith("DELETE ") and "uploadId=" in each]
