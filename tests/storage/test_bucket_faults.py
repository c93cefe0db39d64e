"""A store that is busy, loses answers, has another clock or is gone: no answer of the index is wrong."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from publisher.server.settings import ServerSettings
from publisher.server.storage.bucket.objects import open_bucket
from publisher.server.storage.bucket.opening import open_storages_in
from publisher.server.storage.errors import StorageError, StorageUnavailableError
from publisher.server.store.bucket.catalog import BucketCatalog
from publisher.server.store.bucket.changes import BucketChanges
from publisher.server.store.metadata import read_metadata
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
        project = await again.find("acme")
        assert project is not None
        assert list(await again.files(project)) == [wheel.name]

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
